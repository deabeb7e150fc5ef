// SPDX-License-Identifier: Apache-2.0
// Batches for analysers, and a language model's server of one socket that answers as told.
#ifndef NJ_TEST_ANALYSIS_HELPER_H
#define NJ_TEST_ANALYSIS_HELPER_H

#include "analysis/analyser_driver.h"
#include "analysis/analysis.h"

enum { LLM_REQUESTS_MAX = 16 };

// A detection as tests write it: seconds after the batch's beginning.
struct sight {
    const char *type;
    double confidence, at_s, until_s;
    int64_t track_id;
    const char *picture;
};
// A context of camera "Front Door" at `hour`:`minute` with these detections; `rows` holds them.
void fill_context(struct nj_analysis_context *context, struct nj_detection_row *rows,
                  const struct sight *sights, size_t count);

struct llm_answer {
    int status;          // 0: hangs up without an answer; -1: never answers, until the peer leaves
    const char *written; // what the model wrote; NULL: `body` is sent as it stands
    const char *body;
};

struct llm_server {
    int socket;
    char url[64];
    pthread_t thread;
    bool ended, chat;
    const struct llm_answer *answers; // the last one is repeated
    size_t count;
    atomic_size_t asked;
    char *request; // the newest, NUL-terminated
};
void llm_start(struct llm_server *server, const struct llm_answer *answers, size_t count);
void llm_stop(struct llm_server *server); // harmless when stopped

// A clock of which each look costs 20 s, so that pauses between tries end at once.
extern const struct nj_clock llm_hasty_clock;

struct nj_analysis_options llm_options(const char *url);

#endif
