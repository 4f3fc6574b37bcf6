FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# What changes seldom comes first: a change of our own code reuses this layer.
COPY constraints-runtime.txt constraints-build.txt ./
RUN python -m venv --without-pip /opt/muster \
 && pip --python /opt/muster/bin/python install --require-hashes -r constraints-runtime.txt \
 && pip install --require-hashes -r constraints-build.txt

COPY pyproject.toml README.md LICENSE ./
COPY orchestrator orchestrator
COPY workers workers
COPY migrations migrations
RUN python -m hatchling build --target wheel --directory /wheel \
 && pip --python /opt/muster/bin/python install --no-deps /wheel/*.whl


FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/muster --create-home --shell /usr/sbin/nologin muster
COPY --from=build /opt/muster /opt/muster
ENV PATH=/opt/muster/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER muster
WORKDIR /var/lib/muster
EXPOSE 8080

# Alive, not ready: a database that is away for a minute is no reason to replace this container.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/api/health/live', timeout=4)"]

ENTRYPOINT ["muster"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
