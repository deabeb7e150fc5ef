# SPDX-License-Identifier: Apache-2.0
# One thread a camera with OpenCV's VideoCapture over FFmpeg: every picture is read, every third is
# made RGB of 640x360. Prints "ready" when every camera has given its first picture; ends with its
# standard input and prints "frames N".
import os
import sys
import threading

os.environ['OPENCV_FFMPEG_CAPTURE_OPTIONS'] = 'rtsp_transport;tcp'
import cv2  # noqa: E402  (the setting is read when it is loaded)

WIDTH, HEIGHT = 640, 360
EVERY = 3  # 15 pictures a second in, 5 out
END_S = 5


class Camera(threading.Thread):
    def __init__(self, url, first):
        super().__init__(daemon=True)
        self.url = url
        self.first = first
        self.frames = 0
        self.ending = False
        self.newest = None

    def run(self):
        capture = cv2.VideoCapture(self.url, cv2.CAP_FFMPEG)
        count = 0
        while not self.ending:
            fine, picture = capture.read()
            if not fine:
                break
            if count % EVERY == 0:
                small = cv2.resize(picture, (WIDTH, HEIGHT))
                self.newest = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
                self.frames += 1
                if self.frames == 1:
                    self.first.release()
            count += 1
        capture.release()


def main():
    first = threading.Semaphore(0)
    cameras = [Camera(url, first) for url in sys.argv[1:]]
    for camera in cameras:
        camera.start()
    for _ in cameras:
        first.acquire()
    print('ready', flush=True)
    sys.stdin.read()
    for camera in cameras:
        camera.ending = True
    for camera in cameras:
        camera.join(END_S)
    print('frames', sum(camera.frames for camera in cameras), flush=True)


main()
