# Two stages: the first has everything needed to build, the second what is needed to run and nothing else.
# docs/operations/install.md says how to pin the base by its digest.
ARG NODE_VERSION=24.22.3

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools tools
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json prisma.config.ts ./
COPY scripts/build.mjs scripts/generate.mjs scripts/
COPY prisma prisma
COPY src src
# The Node of a clone counts as optional, and goes; so would what gives password threads their low priority.
RUN npm run build \
 && mv node_modules/@napi-rs /tmp/ && npm prune --omit=dev --omit=optional && mv /tmp/@napi-rs node_modules/

FROM node:${NODE_VERSION}-bookworm-slim
LABEL org.opencontainers.image.title="mintd" \
      org.opencontainers.image.description="A standalone OAuth 2 token issuer" \
      org.opencontainers.image.licenses="Apache-2.0"
# SQLite sorts what does not fit into memory in a file; elsewhere than in data nothing can be written.
ENV NODE_ENV=production \
    PORT=4000 \
    SQLITE_TMPDIR=/app/data
WORKDIR /app
COPY --from=build --chown=root:root /app/package.json ./
COPY --from=build --chown=root:root /app/node_modules node_modules
COPY --from=build --chown=root:root /app/dist dist
COPY --from=build --chown=root:root /app/prisma prisma
# data and keys are all that is ever written: the SQLite file and the key ring, where these are kept here.
# What installs packages is of no use to a server, but to somebody who broke in.
RUN install -d -o 1000 -g 1000 -m 0700 data keys \
 && ln -s /app/dist/main.js /usr/local/bin/mintd \
 && rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
VOLUME ["/app/data", "/app/keys"]
# By number, so that Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 4000
# Whether the process answers: who restarts what is unhealthy must not do so because the database is gone.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js", "serve"]
