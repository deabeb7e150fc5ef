// SPDX-License-Identifier: Apache-2.0
// What the flow tests of the detector worker share: a real RTSP camera, an archive packed on the
// spot, and a backend on a real WebSocket.
#ifndef NJ_TESTS_FLOW_WORKER_HELPER_H
#define NJ_TESTS_FLOW_WORKER_HELPER_H

#include "tests/fake/loop_client.h"
#include "tests/fake/rtsp_camera.h"
#include "tests/fake/world/job_gate.h"
#include "tests/flow/flow_helper.h"
#include "tests/unit/pipeline/trace_helper.h"

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

// The same car where a picture of 640x360 shows it and one of 320x180 does not.
#define WORKER_SEEN_FAR                                                                            \
    "[[{\"class\":\"Car\",\"confidence\":0.93,\"bbox\":{\"x\":260,\"y\":145,\"width\":140,"        \
    "\"height\":90}},{\"class\":\"Frontal\",\"confidence\":0.88,\"bbox\":{\"x\":270,\"y\":175,"    \
    "\"width\":60,\"height\":50}},{\"class\":\"Honda\",\"confidence\":0.97,\"bbox\":{\"x\":290,"   \
    "\"y\":195,\"width\":4,\"height\":4}},{\"class\":\"Sedan\",\"confidence\":0.95,\"bbox\":{"     \
    "\"x\":290,\"y\":195,\"width\":4,\"height\":4}}]]"

// The worked trace's archive: "more" members of its root, each with a comma behind it; the branch
// for brands.
#define WORKER_DOCUMENT_WITH(more, brand)                                                          \
    "{\"pipeline\":{" NODE(                                                                        \
        "car_frontal_v1",                                                                          \
        "frontal") "," more "\"crop\":false,\"triggerClasses\":["                                  \
                   "\"Car\",\"Frontal\"],\"minConfidence\":0.8,\"multiClass\":true,"               \
                   "\"expectedClasses\":[\"Car\","                                                 \
                   "\"Frontal\"],\"tracking\":{\"enabled\":true,\"method\":\"botsort\","           \
                   "\"stabilityThreshold\":4}," SAVE_AND_PUBLISH ",\"branches\":[" brand           \
                   "," BODY_BRANCH "]," UPDATE_COMBINED(BOTH) "}}"
#define WORKER_DOCUMENT(more) WORKER_DOCUMENT_WITH(more, BRAND_BRANCH)

struct worker {
    struct flow *flow;
    struct nj_test_camera *camera;
    struct nj_loop_client backend;
    char text[WORKER_TEXT_SIZE];
    char url[NJ_TEST_CAMERA_URL_MAX];
    char archive[NJ_TEMP_PATH_MAX];
    struct nj_job_gate gates[2];
    bool wide; // pictures of 640x360 instead of 320x180, and displays that see as much
};

// Of a flow that was set up, and `wide` set or not: the camera runs, and the settings that any
// worker needs are made; `seen` is what the models see.
void worker_init(struct worker *worker, struct flow *flow, const char *seen);
// Starts the program and packs the archive.
void worker_start(struct worker *worker, const char *document);
void worker_finish(struct worker *worker); // and the flow

void worker_come(struct worker *worker); // the backend connects
void worker_ask_for(struct worker *worker, const char *const *ids, size_t count);
// "setSessionId" or "setProgressionStage" for display d1; `member` is "\"sessionId\":4711", say.
void worker_tell(struct worker *worker, const char *type, const char *member);
// A wide camera shows pictures too small for the car of WORKER_SEEN_FAR; and it comes back.
void worker_car_leaves(struct worker *worker);
void worker_car_comes(struct worker *worker);
// Fake time goes on, in steps with real pictures, until a message has all three parts. A detection
// that nobody waits for is one too many.
const char *worker_wait_for(struct worker *worker, const char *type, const char *part,
                            const char *other);
// So much fake time, with pictures, in which nothing may be detected.
void worker_let_pass(struct worker *worker, nj_us us);
uint64_t worker_runs(const struct worker *worker); // that began
// Until no action is under way, and none failed: what it wrote is there then.
void worker_until_written(struct worker *worker);
void worker_until_failed(struct worker *worker, uint64_t failed); // and so many became dead letters
// Until the first run came to its end, whatever it did.
void worker_until_run_is_over(struct worker *worker);
// Until the first run began, whose branches wait for the thread that is held. Returns the gate that
// is to be opened.
struct nj_job_gate *worker_until_run_is_held(struct worker *worker);
// The next message, "" when none came and fake time went on instead.
const char *worker_next(struct worker *worker);

#endif
