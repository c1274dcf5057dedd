-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "delivery" TEXT NOT NULL DEFAULT 'body',
ADD COLUMN     "origins" TEXT NOT NULL DEFAULT '',
ADD COLUMN     "login_epoch" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "families" ADD COLUMN     "client_epoch" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "user_agent" TEXT,
ADD COLUMN     "address" TEXT;
