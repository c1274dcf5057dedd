-- Written by hand: the generated script would make users and clients anew, and a login lost on the way would be lost for good.
ALTER TABLE "users" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "clients" ADD COLUMN "revision" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "clients" ADD COLUMN "previous_secret_hash" BLOB;
ALTER TABLE "clients" ADD COLUMN "previous_secret_expires_at" DATETIME;
ALTER TABLE "clients" ADD COLUMN "jwks" TEXT;
ALTER TABLE "clients" ADD COLUMN "tokens_per_minute" INTEGER;
CREATE TABLE "login_failures" (
    "key" TEXT NOT NULL PRIMARY KEY,
    "failures" INTEGER NOT NULL,
    "blocked_until" DATETIME NOT NULL,
    "expires_at" DATETIME NOT NULL
);
CREATE TABLE "client_assertions" (
    "id" BLOB NOT NULL PRIMARY KEY,
    "expires_at" DATETIME NOT NULL
);
CREATE INDEX "login_failures_expires_at_idx" ON "login_failures"("expires_at");
CREATE INDEX "client_assertions_expires_at_idx" ON "client_assertions"("expires_at");
