// SPDX-License-Identifier: Apache-2.0
// Everything a pipeline needs, on a clock that stands still: the real store, scheduler, actions and
// executor, an archive packed on the spot, and models that find what a script says.
#ifndef NJ_TESTS_WORLD_H
#define NJ_TESTS_WORLD_H

#include "config/config.h"
#include "pipeline/executor.h"
#include "tests/fake/fake_clock.h"
#include "tests/fake/temp_dir.h"
#include "tests/fake/world/job_gate.h"
#include "util/json_reader.h"

enum { WORLD_SETS_MAX = 16, WORLD_MESSAGES_MAX = 64 };

// What the models see in E.1: a car with its front, and what the branches make of it.
#define WORLD_CAR_AND_FRONT                                                                        \
    "\"car\":[[{\"class\":\"Car\",\"confidence\":0.93,"                                            \
    "\"bbox\":{\"x\":100,\"y\":100,\"width\":300,\"height\":200}},"                                \
    "{\"class\":\"Frontal\",\"confidence\":0.88,"                                                  \
    "\"bbox\":{\"x\":150,\"y\":150,\"width\":100,\"height\":80}}]]"
#define WORLD_CAR_ALONE                                                                            \
    "\"car\":[[{\"class\":\"Car\",\"confidence\":0.93,"                                            \
    "\"bbox\":{\"x\":100,\"y\":100,\"width\":300,\"height\":200}}]]"
#define WORLD_HONDA                                                                                \
    "\"brand\":[[{\"class\":\"Honda\",\"confidence\":0.91,"                                        \
    "\"bbox\":{\"x\":180,\"y\":170,\"width\":20,\"height\":20}}]]"
#define WORLD_SEDAN                                                                                \
    "\"body\":[[{\"class\":\"Sedan\",\"confidence\":0.95,"                                         \
    "\"bbox\":{\"x\":350,\"y\":250,\"width\":20,\"height\":20}}]]"
#define WORLD_SCRIPT "{" WORLD_CAR_AND_FRONT "," WORLD_HONDA "," WORLD_SEDAN "}"

struct world {
    struct nj_temp_dir dir;
    struct nj_fake_clock clock;
    struct nj_loop *loop;
    struct nj_config *config;
    char sets[WORLD_SETS_MAX][256];
    size_t set_count;
    struct nj_store *store;
    struct nj_media *media;
    struct nj_bus *bus;
    struct nj_work_queue *queue;
    struct nj_metrics *metrics;   // of the actions; given by the test before the start, or NULL
    struct nj_registry *registry; // of their breakers; the same
    struct nj_model_cache *models;
    struct nj_detector *detector; // the scheduler's own
    struct nj_detect_options detect;
    const char *secret; // what archives may refer to; NULL: nothing
    struct nj_scheduler *scheduler;
    struct nj_action_runner *actions;
    struct nj_executor *executor;
    struct nj_archive *archive;
    struct nj_loaded_pipeline *pipeline;
    struct nj_frame *frame; // 640 x 480
    struct nj_bus_subscriber told;
    char *messages[WORLD_MESSAGES_MAX]; // JSON of topic "actions"
    size_t message_count;
    bool stopped;

    const char *camera_id; // of runs; NULL: "c1"
    struct nj_run run;
    struct nj_run_result result; // of the newest run; texts are the world's
    char *branch_results, *detection;
    size_t results;
    struct nj_job_gate gate;
};

int world_setup(void **state); // of a cmocka test: folder, clock, loop; nothing else yet
int world_teardown(void **state);
void world_set(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Store, servers, actions, executor; one inference thread. Opens the same store when it was stopped
// before.
void world_start(struct world *world);
void world_stop(struct world *world, nj_us deadline_us); // stops actions and executor
// Packs and loads the archive; `script` is what the null engine's models see.
void world_load(struct world *world, const char *pipeline_json, const char *script);
void world_unload(struct world *world);

typedef bool (*world_condition)(struct world *world);
// Handles what comes until the condition holds; the test fails after 20 s of real time.
void world_until(struct world *world, world_condition condition);
void world_turn(struct world *world);              // once, waiting a moment for something to come
void world_advance(struct world *world, nj_us us); // in steps, so that timers have their turn
bool world_is_quiet(struct world *world);          // no run, no action, no letter under way

// Begins a run of the loaded pipeline on the world's frame for display d1, camera c1; the result is
// there when `results` grew.
void world_begin_run(struct world *world);
void world_run(struct world *world); // and waits for its end, and for the actions of it

// Keeps the one inference thread busy until it is let go.
void world_block(struct world *world);
void world_unblock(struct world *world);

// Parsed; the test fails when it is no JSON. json_decref() it.
json_t *world_json(const char *text);
const char *world_text(const json_t *object, const char *key); // "" when it is no text

// The embedded record's JSON (borrowed until the next call), or NULL.
const char *world_record(struct world *world, const char *table, const char *key);
// What the worked trace's record of the newest run's session holds; "" for a column that is not
// there.
void world_expect_record(struct world *world, const char *brand, const char *body);
size_t world_count_letters(struct world *world);
void world_expect_nothing_done(struct world *world); // no action, message or letter
// Oldest first; nj_letter_page_finish it.
struct nj_letter_page world_letters(struct world *world);
void world_requeue(struct world *world); // the oldest letter

#endif
