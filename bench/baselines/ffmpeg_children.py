# SPDX-License-Identifier: Apache-2.0
# One ffmpeg process a camera, as Frigate runs them: raw pictures through a pipe, copied into shared
# memory. Prints "ready" when every camera has given its first picture; ends with its standard
# input and prints "frames N".
import subprocess
import sys
import threading
from multiprocessing import shared_memory

WIDTH, HEIGHT = 640, 360
FRAME_BYTES = WIDTH * HEIGHT * 3 // 2
SLOTS = 10  # pictures kept a camera
END_S = 5


class Camera(threading.Thread):
    def __init__(self, name, url, first):
        super().__init__(daemon=True)
        self.frames = 0
        self.first = first
        self.slots = [shared_memory.SharedMemory(create=True, size=FRAME_BYTES)
                      for _ in range(SLOTS)]
        command = ['ffmpeg', '-hide_banner', '-loglevel', 'error', '-nostdin',
                   '-rtsp_transport', 'tcp', '-i', url,
                   '-r', '5', '-vf', 'fps=5,scale=640:360', '-threads', '2',
                   '-f', 'rawvideo', '-pix_fmt', 'yuv420p', 'pipe:']
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                      bufsize=FRAME_BYTES * 10)

    def run(self):
        while True:
            picture = self.child.stdout.read(FRAME_BYTES)
            if len(picture) != FRAME_BYTES:
                return
            self.slots[self.frames % SLOTS].buf[:FRAME_BYTES] = picture
            self.frames += 1
            if self.frames == 1:
                self.first.release()

    def end(self):
        # A child that is asked to end while its pipe is full never does.
        self.child.kill()
        self.child.wait(END_S)
        self.join(END_S)
        for slot in self.slots:
            slot.close()
            slot.unlink()


def main():
    first = threading.Semaphore(0)
    cameras = [Camera(f'cam{i}', url, first) for i, url in enumerate(sys.argv[1:])]
    for camera in cameras:
        camera.start()
    for _ in cameras:
        first.acquire()
    print('ready', flush=True)
    sys.stdin.read()
    for camera in cameras:
        camera.end()
    print('frames', sum(camera.frames for camera in cameras), flush=True)


main()
