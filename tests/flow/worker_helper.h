// SPDX-License-Identifier: Apache-2.0
// What the flow tests of the detector worker share: a real RTSP camera, an archive packed on the
// spot, and a backend on a real WebSocket.
#ifndef NJ_TESTS_FLOW_WORKER_HELPER_H
#define NJ_TESTS_FLOW_WORKER_HELPER_H

#include "tests/fake/loop_client.h"
#include "tests/fake/rtsp_camera.h"
#include "tests/flow/flow_helper.h"

enum { WORKER_TEXT_SIZE = 64 << 10, WORKER_STEPS_MAX = 600 };

#define WORKER_CAR                                                                                 \
    "{\"class\":\"Car\",\"confidence\":0.93,\"bbox\":{\"x\":90,\"y\":50,\"width\":140,"            \
    "\"height\":90}}"
// Each model takes what it knows, and of a part of the picture what lies there.
#define WORKER_SEEN                                                                                \
    "[[" WORKER_CAR ",{\"class\":\"Frontal\",\"confidence\":0.88,\"bbox\":{\"x\":100,\"y\":80,"    \
    "\"width\":60,\"height\":50}},{\"class\":\"Honda\",\"confidence\":0.97,\"bbox\":{\"x\":120,"   \
    "\"y\":100,\"width\":4,\"height\":4}},{\"class\":\"Sedan\",\"confidence\":0.95,\"bbox\":{"     \
    "\"x\":120,\"y\":100,\"width\":4,\"height\":4}}]]"

struct worker {
    struct flow *flow;
    struct nj_test_camera *camera;
    struct nj_loop_client backend;
    char text[WORKER_TEXT_SIZE];
    char url[NJ_TEST_CAMERA_URL_MAX];
    char archive[NJ_TEMP_PATH_MAX];
};

// Of a flow that was set up: the camera runs, and the settings that any worker needs are made;
// `seen` is what the models see.
void worker_init(struct worker *worker, struct flow *flow, const char *seen);
// Starts the program and packs the archive.
void worker_start(struct worker *worker, const char *document);
void worker_finish(struct worker *worker); // and the flow

void worker_come(struct worker *worker); // the backend connects
void worker_ask_for(struct worker *worker, const char *const *ids, size_t count);
// Fake time goes on, in steps with real pictures, until a message has all three parts. A detection
// that nobody waits for is one too many.
const char *worker_wait_for(struct worker *worker, const char *type, const char *part,
                            const char *other);
// The next message, "" when none came and fake time went on instead.
const char *worker_next(struct worker *worker);

#endif
