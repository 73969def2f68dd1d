# dreamreel in a container, for the CPU or for an NVIDIA GPU. The image has never been built where
# dreamreel is developed, because no docker is available there.
#
# For the CPU:
#   docker build -t dreamreel .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" dreamreel input=clip.mp4
# PyTorch's usual Linux wheels contain CUDA. For a much smaller image, add the address of PyTorch's CPU
# wheels (shown by the install selector on pytorch.org):
#   docker build -t dreamreel --build-arg PIP_EXTRA_INDEX_URL=ADDRESS .
#
# For CUDA, with nvidia/cuda (Ubuntu 24.04 or newer, for Python 3.11 or newer) or pytorch/pytorch as the
# base. The host needs an NVIDIA driver and the NVIDIA container toolkit:
#   docker build -t dreamreel:cuda --build-arg BASE=nvidia/cuda:12.8.1-runtime-ubuntu24.04 .
#   docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD:/work" dreamreel:cuda input=clip.mp4
#
# The current folder is mounted as /work, so file names are as usual. Own looks and defaults:
#   -v ~/.config/dreamreel:/tmp/.config/dreamreel:ro

ARG BASE=python:3.11-slim
FROM ${BASE}

# Address of additional wheels, read by pip; empty: none.
ARG PIP_EXTRA_INDEX_URL=""

# libgl1 and libglib2.0-0 are needed by opencv-python. Python is installed where the base has none, or
# none that can make virtual environments.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && { python3 -c "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))" \
        || DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv; } \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -c "import sys; sys.exit(sys.version_info < (3, 11))"

# A torch that the base has already is used if it is new enough.
RUN python3 -m venv --system-site-packages /opt/dreamreel
ENV PATH=/opt/dreamreel/bin:$PATH

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY conf conf
COPY pipeline pipeline
RUN pip install --no-cache-dir .

# Any user may run the container, so that results belong to the user of the host.
ENV HOME=/tmp
# What the driver provides in the container: computing, and encoder=nvenc.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
WORKDIR /work
ENTRYPOINT ["dreamreel"]
CMD ["--help"]
