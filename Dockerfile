# Écluse in a container.
#
#   docker build -t ecluse .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -v ecluse-data:/var/lib/ecluse -v ./ecluse.toml:/etc/ecluse/ecluse.toml:ro -v ./pki:/etc/ecluse/pki:ro \
#     -p 8443:8443 -p 8322:8322 -p 50000-50999:50000-50999/udp ecluse
#
# Behind the container's network address, tell the configuration the machine's own: [webrtc] external_address.
# A thousand published UDP ports are slow to set up; `--network host` or a smaller [webrtc] udp_ports is kinder.
#
# Both stages run scripts/install, which scripts/prove-fresh runs on the same bare Debian.

FROM debian:bookworm AS build
WORKDIR /ecluse
# First what changes seldom: the packages, then the sources.
COPY Cargo.toml ./
COPY scripts/install scripts/
RUN scripts/install --build && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cargo build --locked --release --bin ecluse

FROM debian:bookworm-slim
COPY scripts/install /usr/src/ecluse/scripts/
RUN /usr/src/ecluse/scripts/install --run-only \
 && rm -rf /var/lib/apt/lists/* /usr/src/ecluse \
 && useradd --system --uid 10001 --user-group --home-dir /var/lib/ecluse --shell /usr/sbin/nologin ecluse \
 && install -d -o ecluse -g ecluse -m 0700 /var/lib/ecluse /var/lib/ecluse-recordings \
 && install -d -m 0755 /etc/ecluse
COPY --from=build /ecluse/target/release/ecluse /usr/bin/ecluse
COPY config/ecluse.toml /usr/share/doc/ecluse/ecluse.toml

USER ecluse
WORKDIR /var/lib/ecluse
# GStreamer remembers its plugins in a file; the container's own root may be read-only.
ENV GST_REGISTRY=/var/lib/ecluse/gstreamer-registry.bin
# Register, identities, sessions: losing this volume loses the evidence.
VOLUME /var/lib/ecluse /var/lib/ecluse-recordings
# Pages, API and WHEP; the cameras' RTSPS; the viewers' media.
EXPOSE 8443/tcp 8322/tcp 50000-50999/udp
# /healthz over TLS, asked by the binary itself: the image needs no curl.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["ecluse", "healthcheck", "--address", "127.0.0.1:8443"]
# Open tickets are closed and recorded before the process ends.
STOPSIGNAL SIGTERM
ENTRYPOINT ["ecluse"]
CMD ["serve", "--config", "/etc/ecluse/ecluse.toml"]
