# The simulator and the suite, as a container image: docker build -t ollama_simulator .
# docs/containers.md says how it is used. What is installed is pinned, with hashes, in requirements/.
ARG PYTHON=3.13-slim

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY requirements/build.txt requirements/run.txt requirements/
RUN python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --require-hashes -r requirements/build.txt \
    && python -m venv /opt/ollama_simulator \
    && /opt/ollama_simulator/bin/python -m pip install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
# pip goes last: nothing is installed in a container that runs.
RUN /opt/build/bin/python -m hatchling build -t wheel -d dist \
    && /opt/ollama_simulator/bin/python -m pip install --no-index --no-deps dist/*.whl \
    && /opt/ollama_simulator/bin/python -m pip uninstall --yes pip

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="ollama_simulator" \
    org.opencontainers.image.description="Simulated Ollama servers that can be made to misbehave" \
    org.opencontainers.image.licenses="Apache-2.0 AND MIT"
COPY --from=build /opt/ollama_simulator /opt/ollama_simulator
ENV PATH=/opt/ollama_simulator/bin:$PATH PYTHONUNBUFFERED=1
# By its number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /tmp
EXPOSE 11500 11501 11502 11503
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["python", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 11500, timeout=2); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["ollama_simulator"]
CMD ["--host", "0.0.0.0", "--control-host", "0.0.0.0"]
