# The control plane. In the directory of the build lie the archives of a release:
#   docker build -f packaging/docker/server.Dockerfile --build-arg VERSION=1.2.3 -t windlassd:1.2.3 release/1.2.3
# The user has a name: without one ssh, and so git over ssh, refuses to work.
# BASE is any image of Debian's family, with apt-get, or one that has certificates already.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG VERSION
# As Docker names processors: amd64, arm64.
ARG TARGETARCH=amd64
COPY windlassd-${VERSION}-linux-*.tar.gz /tmp/release/
RUN set -eu; \
  if command -v apt-get >/dev/null; then \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get update -qq; \
    apt-get install -y -qq --no-install-recommends ca-certificates git openssh-client bubblewrap; \
    rm -rf /var/lib/apt/lists/*; \
  fi; \
  arch=$(echo "$TARGETARCH" | sed s/amd64/x64/); \
  mkdir -p /opt/windlassd /var/lib/windlass /etc/windlass; \
  tar -xzf "/tmp/release/windlassd-${VERSION}-linux-$arch.tar.gz" -C /opt/windlassd --strip-components=1; \
  rm -rf /tmp/release; \
  ln -s /opt/windlassd/bin/windlassd /usr/local/bin/windlassd; \
  getent group 10001 >/dev/null || echo "windlass:x:10001:" >>/etc/group; \
  getent passwd 10001 >/dev/null || echo "windlass:x:10001:10001::/var/lib/windlass:/usr/sbin/nologin" >>/etc/passwd; \
  chown 10001:10001 /var/lib/windlass
ENV HOME=/var/lib/windlass \
  WINDLASS_DATA_DIR=/var/lib/windlass \
  WINDLASS_METRICS_LISTEN=127.0.0.1:7072 \
  WINDLASS_LOG_FORMAT=json
USER 10001:10001
VOLUME /var/lib/windlass
EXPOSE 7070
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/opt/windlassd/node/bin/node", "-e", \
  "fetch('http://127.0.0.1:7072/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Beyond this machine it is served with TLS, or behind something that has it: see docs/install.md.
ENTRYPOINT ["windlassd"]
