# Three images from one file: `server` (pages, robots, inference, worker, beat), `learning` (the same with PyTorch, for the workers
# that serve and train) and `robot` (a robot with a simulated body).
FROM node:22-slim AS frontend
WORKDIR /app/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npm run build

FROM python:3.11-slim AS server
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.txt requirements-s3.txt ./
COPY robot/requirements.txt robot/requirements.txt
RUN pip install --no-cache-dir -r requirements.txt -r requirements-s3.txt
COPY manage.py ./
COPY protocol protocol
COPY robot robot
COPY fleet fleet
COPY episodes episodes
COPY policies policies
COPY teleop teleop
COPY dispatch dispatch
COPY config config
COPY frontend/templates frontend/templates
COPY --from=frontend /app/frontend/dist frontend/dist
RUN REINS_MODE=demo REINS_DATA_DIR=/tmp/build python manage.py collectstatic --noinput && rm -rf /tmp/build \
 && useradd --system --create-home reins && mkdir -p /data && chown reins /data
USER reins
CMD ["python", "-m", "config.serve", "--host", "0.0.0.0"]

FROM server AS learning
# empty: PyTorch's own builds with CUDA; https://download.pytorch.org/whl/cpu for a host without a GPU
ARG TORCH_INDEX=""
USER root
COPY requirements-learning.txt ./
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements-learning.txt
USER reins

FROM python:3.11-slim AS robot
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MUJOCO_GL=egl
RUN apt-get update && apt-get install -y --no-install-recommends libegl1 libgl1-mesa-dri && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY robot/requirements.txt robot/requirements-simulated.txt robot/
RUN pip install --no-cache-dir -r robot/requirements.txt -r robot/requirements-simulated.txt
COPY protocol protocol
COPY robot robot
RUN useradd --system --create-home reins && mkdir -p /data && chown reins /data
USER reins
ENTRYPOINT ["python", "-m", "robot"]
