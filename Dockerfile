# The one place that names the base. A tag moves with every repair of it, which is what one wants
# while building by hand; a release pins the digest behind the tag (SECURITY.md says how).
ARG BASE=python:3.13-slim-trixie

# Stage 1 installs what requirements/ locks, hash by hash, and our own wheel.
FROM ${BASE} AS build

# Trust the registries that the image trusts, a company's own mirror among them.
ENV UV_SYSTEM_CERTS=true \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/uv \
    && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r requirements/uv.txt
RUN python -m venv --without-pip /opt/spendwatch \
    && /opt/uv/bin/uv pip sync --python /opt/spendwatch/bin/python --no-cache --compile-bytecode \
        --require-hashes requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY detector/ detector/
COPY alerts/ alerts/
COPY spendwatch/ spendwatch/
RUN /opt/uv/bin/uv build --no-cache --wheel --python /opt/spendwatch/bin/python \
        --require-hashes --build-constraints requirements/dev.txt --out-dir dist \
    && /opt/uv/bin/uv pip install --python /opt/spendwatch/bin/python --no-cache \
        --compile-bytecode --no-deps dist/*.whl

# Stage 2 is what runs: no installer, no compiler, no root; /data is all it can write.
FROM ${BASE}

COPY --from=build /opt/spendwatch /opt/spendwatch
# Mount your own settings over this file. Relative paths in it begin in its folder: the link sends
# the default "data" to the volume. Whoever mounts a whole folder names /data in the settings.
COPY config.toml /etc/spendwatch/config.toml
RUN install --directory --owner=10001 --group=10001 --mode=0750 /data \
    && ln -s /data /etc/spendwatch/data
# Bytecode was written above; there is nowhere to write more. A line of log is seen when it is said.
# numpy and pyarrow would start a thread for each core of the host, whatever the container may use.
ENV PATH=/opt/spendwatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=2 \
    SPENDWATCH_CONFIG=/etc/spendwatch/config.toml
USER 10001:10001
WORKDIR /data
VOLUME /data
# What is committed stays, so a stop may come at any time; `run` ends within 15 seconds of it.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=10s --start-period=60s --retries=3 \
    CMD ["spendwatch", "health"]
ENTRYPOINT ["spendwatch"]
CMD ["run"]
