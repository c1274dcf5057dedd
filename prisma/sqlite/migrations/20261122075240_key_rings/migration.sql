-- CreateTable
CREATE TABLE "key_rings" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "version" INTEGER NOT NULL,
    "ring" TEXT NOT NULL,
    "private_keys" TEXT NOT NULL
);
