-- Written by hand: the generated script would make both tables anew, and a login lost on the way would be lost for good.
ALTER TABLE "clients" ADD COLUMN "delivery" TEXT NOT NULL DEFAULT 'body';
ALTER TABLE "clients" ADD COLUMN "origins" TEXT NOT NULL DEFAULT '';
ALTER TABLE "clients" ADD COLUMN "login_epoch" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "families" ADD COLUMN "client_epoch" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "families" ADD COLUMN "user_agent" TEXT;
ALTER TABLE "families" ADD COLUMN "address" TEXT;
