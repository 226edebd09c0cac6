# The image for those who have a container tool: `docker build --tag switchboard.dev/switchboard:0.1.0 .`
# `make image` makes the same without one, and is what is tested: there the authorities are pinned by hash, and two builds are the same.
#
# The base is named by version. For a build that nobody can change under you, add the digest that your registry shows for it
# (rust:1.95.0-slim-bookworm@sha256:…); none is written here, because whoever wrote this had no registry to read one from.
ARG RUST=rust:1.95.0-slim-bookworm

FROM ${RUST} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates gcc libc6-dev binutils && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN CARGO_TARGET_DIR=/target tools/image/static.sh release && cp /target/static/*/release/switchboard /switchboard

FROM scratch
LABEL org.opencontainers.image.title="switchboard" \
      org.opencontainers.image.description="Kubernetes operator for SIP endpoints and phone numbers" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY tools/image/nsswitch.conf /etc/nsswitch.conf
COPY --from=build /switchboard /switchboard
USER 65532:65532
ENTRYPOINT ["/switchboard"]
