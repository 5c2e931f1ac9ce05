# MinIO's image has no folder that an ordinary user may write; this one has, and a new volume takes its owner over.
FROM minio/minio:RELEASE.2025-09-07T16-13-09Z
USER root
RUN mkdir -p /store/langfuse && chown -R 10001:10001 /store
USER 10001:10001
