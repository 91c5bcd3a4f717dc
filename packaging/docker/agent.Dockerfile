# The agent. In the directory of the build lie the archives of a release:
#   docker build -f packaging/docker/agent.Dockerfile --build-arg VERSION=1.2.3 -t windlass-agent:1.2.3 release/1.2.3
# The user has a name: without one ssh, and so git over ssh, refuses to work.
# BASE is any image of Debian's family, with apt-get, or one that has git, ssh, bubblewrap and certificates already.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG VERSION
# As Docker names processors: amd64, arm64.
ARG TARGETARCH=amd64
COPY windlass-agent-${VERSION}-linux-*.tar.gz /tmp/release/
RUN set -eu; \
  if command -v apt-get >/dev/null; then \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get update -qq; \
    apt-get install -y -qq --no-install-recommends ca-certificates git openssh-client bubblewrap; \
    rm -rf /var/lib/apt/lists/*; \
  fi; \
  arch=$(echo "$TARGETARCH" | sed s/amd64/x64/); \
  mkdir -p /opt/windlass-agent /var/lib/windlass-agent /etc/windlass; \
  tar -xzf "/tmp/release/windlass-agent-${VERSION}-linux-$arch.tar.gz" -C /opt/windlass-agent --strip-components=1; \
  rm -rf /tmp/release; \
  ln -s /opt/windlass-agent/bin/windlass-agent /usr/local/bin/windlass-agent; \
  getent group 10001 >/dev/null || echo "windlass-agent:x:10001:" >>/etc/group; \
  getent passwd 10001 >/dev/null || echo "windlass-agent:x:10001:10001::/var/lib/windlass-agent:/usr/sbin/nologin" >>/etc/passwd; \
  chown 10001:10001 /var/lib/windlass-agent
# Its home, its compiled code and its jobs are in the volume: the rest can be read-only, with a /tmp of its own.
ENV HOME=/var/lib/windlass-agent \
  WINDLASS_AGENT_DATA_DIR=/var/lib/windlass-agent \
  WINDLASS_AGENT_AUTO_UPDATE=disabled \
  WINDLASS_AGENT_HTTP_LISTEN=127.0.0.1:7081 \
  WINDLASS_LOG_FORMAT=json
USER 10001:10001
VOLUME /var/lib/windlass-agent
# Finishes its jobs, or leaves terraform to the next start.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["/opt/windlass-agent/node/bin/node", "-e", \
  "fetch('http://127.0.0.1:7081/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["windlass-agent"]
CMD ["--token-file", "/etc/windlass/agent-token"]
