// SPDX-License-Identifier: Apache-2.0
// What the files of the executor share: one run with a state for each node of the tree.
#ifndef NJ_PIPELINE_EXECUTOR_PRIV_H
#define NJ_PIPELINE_EXECUTOR_PRIV_H

#include "pipeline/executor.h"
#include "util/digest.h"
#include "util/list.h"
#include "util/timezone.h"

enum {
    NJ_RUNS_MAX = 256, // of one executor, ended ones with a late model included
    NJ_RUN_WHY_SIZE = 160,
    NJ_RUN_JSON_MAX = 256 * 1024, // bytes of the results of one run
    NJ_RUN_IDS_SIZE = 192,
};

// loaded.c
struct nj_loaded_node {
    const struct nj_spec_node *spec;
    struct nj_detector *detector;
    bool *wanted; // of the root: its trigger classes; NULL: all
    // A row that exists before anything else of this node is done: made for a node that updates a
    // table by "{session_id}" and lists no postgresql_create_record. NULL: none.
    struct nj_spec_action *initial;
};
const struct nj_loaded_node *nj_loaded_pipeline_node(const struct nj_loaded_pipeline *pipeline,
                                                     size_t node_index);
enum nj_node_end { NJ_NODE_RAN, NJ_NODE_SKIPPED, NJ_NODE_FAILED, NJ_NODE_TIMEOUT };
void nj_loaded_pipeline_note(struct nj_loaded_pipeline *pipeline, size_t node_index,
                             enum nj_node_end end, nj_us took_us);

struct nj_executor {
    struct nj_executor_config config;
    const struct nj_clock *clock;
    struct nj_timezone *zone;
    struct nj_list works;
    size_t count;
    struct nj_metric *metric_found, *metric_nothing, *metric_failed;
};

enum nj_run_phase {
    NJ_RUN_DETECTING, // the root
    NJ_RUN_PROBING,   // models whose result decides whether waited-for branches run
    NJ_RUN_ACTING,    // actions and branches
    NJ_RUN_ENDED
};

enum nj_node_outcome {
    NJ_NODE_NONE, // did not run, or saw nothing: not among the results
    NJ_NODE_OK,
    NJ_NODE_UNSURE, // of a classifier or reader: below its own threshold
    NJ_NODE_ERROR
};

struct nj_run_node {
    struct nj_run_work *work;
    const struct nj_loaded_node *loaded;
    const struct nj_spec_node *spec;
    struct nj_run_node *parent; // NULL: the root

    bool begun, inferred; // its model was started, and ended
    bool probed;          // must run before any side effect
    bool abandoned;       // its time was over; the job comes back some day
    enum nj_node_outcome outcome;
    const char *error_type; // "timeout", "model_error", "unexpected_error"
    char error[NJ_RUN_WHY_SIZE];

    struct nj_rect input; // part of the picture it looks at; w 0: all of it
    bool remade;          // the model sees a frame made from the input, of made_* pixels
    int32_t made_width, made_height;
    bool straightens;
    float corners[4][2];

    struct nj_run_detection found[NJ_RUN_DETECTIONS_MAX]; // surest first
    size_t found_count;
    char text[NJ_RECOGNISED_TEXT_SIZE]; // of a recogniser
    float text_confidence;

    size_t next_branch; // the next one to be started
    size_t under_way;   // branches
    bool in_parallel, starting;

    nj_us started_us;
    struct nj_detect_job job;
    struct nj_call call;
    struct nj_timer timer;
};

struct nj_run_work {
    struct nj_list list; // of the executor
    struct nj_executor *executor;
    struct nj_loaded_pipeline *pipeline;
    struct nj_run *run; // NULL after `done`
    size_t refs;        // the run, and each job at the scheduler
    enum nj_run_phase phase;
    bool begun, cancelled;
    struct nj_call begin_call; // begins the run, and ends it when it was cancelled

    struct nj_frame *frame;
    struct nj_rect crop;
    char display_id[NJ_RUN_IDS_SIZE], camera_id[NJ_RUN_IDS_SIZE];
    char subscription_id[NJ_RUN_IDS_SIZE], session_id[NJ_RUN_IDS_SIZE];
    bool session_is_ours; // a record of this id was asked for
    char order_key[NJ_UUID_SIZE];
    char timestamp[32]; // 2025-09-12T22-16-06, local
    int64_t timestamp_ms;
    char uuid[NJ_UUID_SIZE], filename[NJ_UUID_SIZE + 8]; // of the newest saved image
    char image_key[512];
    char scratch[96]; // of a looked-up value
    size_t probing;   // models under way in that phase
    struct nj_buf branch_results, detection;
    struct nj_run_result result;
    size_t node_count;
    struct nj_run_node nodes[]; // by index of the spec
};

// run_nodes.c
struct nj_run_node *nj_run_node_of(struct nj_run_work *work, const struct nj_spec_node *spec);
// The surest detection of this class; ignoring case when none has it exactly. NULL: none.
const struct nj_run_detection *nj_run_region(const struct nj_run_node *node, const char *label);
// What of the parent makes this branch run. NULL: nothing; `why` (NJ_RUN_WHY_SIZE) says so.
const struct nj_run_detection *nj_run_trigger(const struct nj_run_node *branch, char *why);
// Which classes, branches and models are missing before anything may be done. False with `why`.
bool nj_run_check_classes(const struct nj_run_node *node, char *why);
// Marks the models below `node` whose result decides whether its waited-for branches run.
void nj_run_mark_probes(struct nj_run_node *node);
bool nj_run_check_branches(struct nj_run_node *node, char *why);

// run_infer.c: runs the model of the node; nj_run_inferred is called in the end, maybe at once.
void nj_run_infer(struct nj_run_node *node);
void nj_run_unref(struct nj_run_work *work);

// run.c
void nj_run_begin(struct nj_run_work *work);
void nj_run_inferred(struct nj_run_node *node);
void nj_run_end(struct nj_run_work *work, int rc, const struct nj_error *why);

// run_branches.c: actions, branches, actions after them; nj_run_node_done of the parent, or the end
// of the run.
void nj_run_act(struct nj_run_node *node);
void nj_run_branch_inferred(struct nj_run_node *node);

// run_actions.c
int nj_run_actions_init(struct nj_run_work *work, struct nj_error *err); // ids and times
void nj_run_actions_before(struct nj_run_node *node);
void nj_run_actions_after(struct nj_run_node *node);

// run_values.c: what templates may name.
struct nj_value nj_run_lookup(const void *node, const char *name);

// run_result.c
// The name under which a node's class or text is known: "brand", "text"; NULL: none.
const char *nj_run_alias(const struct nj_run_node *node);
// Fills the result: everything when the run acted, what was seen else.
int nj_run_write_results(struct nj_run_work *work, struct nj_error *err);

#endif
