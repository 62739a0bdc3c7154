FROM node:24.21.0-bookworm-slim
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY bin bin
COPY src src
# What the server keeps for itself: its certificate authority and its certificate.
RUN mkdir /state .cache && chown node:node /state .cache
VOLUME /state
USER node
# Once, for all containers; the compiled code is kept for the user who runs this.
RUN node bin/compile.js
ENTRYPOINT ["node", "bin/bucketstreams.js"]
