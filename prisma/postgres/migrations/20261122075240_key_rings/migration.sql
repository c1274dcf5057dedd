-- CreateTable
CREATE TABLE "key_rings" (
    "id" INTEGER NOT NULL,
    "version" INTEGER NOT NULL,
    "ring" TEXT NOT NULL,
    "private_keys" TEXT NOT NULL,

    CONSTRAINT "key_rings_pkey" PRIMARY KEY ("id")
);
