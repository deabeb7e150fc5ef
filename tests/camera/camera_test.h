// SPDX-License-Identifier: Apache-2.0
// What the tests of the test camera share.
#ifndef NJ_CAMERA_TEST_H
#define NJ_CAMERA_TEST_H

#include "tests/camera/av_client.h"
#include "tests/fake/rtsp_camera.h"
#include "tests/fake/test_video.h"

enum { CAMERA_WAIT_MS = 10000 }; // for what should come at once

// On 127.0.0.1 (NULL) or `host`, with TLS; the test fails when it cannot be made.
struct nj_test_camera *camera_start(const char *host);
// Mounts it; mount.file is a name for nj_test_video.
void camera_add(struct nj_test_camera *camera, struct nj_test_camera_mount mount);
// FFmpeg reading rtsp://.../NAME; the test fails when it cannot open it.
struct av_client *camera_open(struct nj_test_camera *camera, const char *name);
// FFmpeg's error on opening it within `timeout_ms`, or 0.
int camera_open_error(struct nj_test_camera *camera, const char *name, const char *credentials,
                      int timeout_ms);
struct nj_test_camera_stats camera_stats(struct nj_test_camera *camera, const char *name);

#endif
