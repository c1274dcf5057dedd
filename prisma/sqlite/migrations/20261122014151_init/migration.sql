
-- CreateTable
CREATE TABLE "users" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "username" TEXT NOT NULL,
    "username_key" TEXT NOT NULL,
    "email" TEXT,
    "email_key" TEXT,
    "password_hash" TEXT NOT NULL,
    "roles" TEXT NOT NULL,
    "login_epoch" INTEGER NOT NULL DEFAULT 0,
    "created_at" DATETIME NOT NULL,
    "disabled_at" DATETIME
);

-- CreateTable
CREATE TABLE "clients" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "secret_hash" BLOB,
    "grants" TEXT NOT NULL,
    "scopes" TEXT NOT NULL,
    "default_scope" TEXT NOT NULL,
    "audiences" TEXT NOT NULL,
    "default_audiences" TEXT NOT NULL,
    "access_token_ttl_seconds" INTEGER,
    "refresh_idle_ttl_seconds" INTEGER,
    "refresh_absolute_ttl_seconds" INTEGER,
    "retry_window_seconds" INTEGER,
    "created_at" DATETIME NOT NULL,
    "disabled_at" DATETIME
);

-- CreateTable
CREATE TABLE "families" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "handle_hash" BLOB NOT NULL,
    "user_id" TEXT NOT NULL,
    "client_id" TEXT NOT NULL,
    "login_epoch" INTEGER NOT NULL,
    "scope" TEXT NOT NULL,
    "audiences" TEXT NOT NULL,
    "created_at" DATETIME NOT NULL,
    "absolute_expires_at" DATETIME NOT NULL,
    "current_hash" BLOB NOT NULL,
    "previous_hash" BLOB,
    "successor_key" BLOB,
    "generation" INTEGER NOT NULL DEFAULT 0,
    "rotated_at" DATETIME,
    "idle_expires_at" DATETIME NOT NULL,
    "revoked_at" DATETIME,
    "revoked_reason" TEXT,
    CONSTRAINT "families_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "families_client_id_fkey" FOREIGN KEY ("client_id") REFERENCES "clients" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "installation" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "key_ring_made_at" DATETIME
);

-- CreateIndex
CREATE UNIQUE INDEX "users_username_key_key" ON "users"("username_key");

-- CreateIndex
CREATE UNIQUE INDEX "users_email_key_key" ON "users"("email_key");

-- CreateIndex
CREATE UNIQUE INDEX "families_handle_hash_key" ON "families"("handle_hash");

-- CreateIndex
CREATE INDEX "families_user_id_idx" ON "families"("user_id");

-- CreateIndex
CREATE INDEX "families_client_id_idx" ON "families"("client_id");

-- CreateIndex
CREATE INDEX "families_absolute_expires_at_idx" ON "families"("absolute_expires_at");

