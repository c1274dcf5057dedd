-- AlterTable
ALTER TABLE "users" ADD COLUMN     "revision" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "clients" ADD COLUMN     "revision" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "previous_secret_hash" BYTEA,
ADD COLUMN     "previous_secret_expires_at" TIMESTAMP(3),
ADD COLUMN     "jwks" TEXT,
ADD COLUMN     "tokens_per_minute" INTEGER;

-- CreateTable
CREATE TABLE "login_failures" (
    "key" TEXT NOT NULL,
    "failures" INTEGER NOT NULL,
    "blocked_until" TIMESTAMP(3) NOT NULL,
    "expires_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "login_failures_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "client_assertions" (
    "id" BYTEA NOT NULL,
    "expires_at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "client_assertions_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "login_failures_expires_at_idx" ON "login_failures"("expires_at");

-- CreateIndex
CREATE INDEX "client_assertions_expires_at_idx" ON "client_assertions"("expires_at");
