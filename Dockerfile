# The image is the one static binary, in nothing:
#
#     docker build -t parley --build-arg VERSION="$(git describe --tags --always)" --build-arg COMMIT="$(git rev-parse HEAD)" .
#     docker run --rm -p 12000:12000 -p 12001:12001 parley
#
# BuildKit compiles on the builder's own platform for the image's (--platform linux/amd64,linux/arm64). The older builder
# knows neither BUILDPLATFORM nor TARGETOS and TARGETARCH: "linux" and the empty values then mean the machine's own.

FROM --platform=${BUILDPLATFORM:-linux} golang:1.26 AS build
WORKDIR /src

# The modules in a layer of their own, which stays until go.mod or go.sum changes.
COPY go.mod go.sum ./
RUN go mod download

# .dockerignore leaves only the packages of the binary.
COPY . .

# Stamped by the build arguments, because the build does not see .git.
ARG VERSION=dev
ARG COMMIT=unknown
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath \
    -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" \
    -o /parley ./cmd/parley

FROM scratch
ARG VERSION=dev
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="parley" \
      org.opencontainers.image.description="Answers TCP: greets every client with its ID and talks to it" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"

COPY --from=build /parley /parley

# A number, so that an orchestrator can see that it is not root.
USER 65532:65532

# In a container loopback is nobody's: the admin page listens on every address, and who reaches it is decided by what is
# published.
ENV PARLEY_ADMIN=:12001
EXPOSE 12000 12001

# Asks the first listener for its greeting, as PARLEY_LISTEN has it; sends nothing, so that no log line is written.
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s --retries=3 CMD ["/parley", "probe"]

# SIGTERM drains: PARLEY_DRAIN_TIMEOUT (8s) fits into the 10 seconds that docker stop waits.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/parley"]
CMD ["serve"]
