// SPDX-License-Identifier: Apache-2.0
// Asks a language model over HTTP, again after a pause when that can help.
#include "analysis/llm.h"

#include "analysis/llm_priv.h"
#include "net/http_client.h"
#include "util/backoff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    URL_SIZE = 2048 + 32,
    KEY_SIZE = 1024 + 32,
    QUESTION_BYTES_MAX = 8 * 1024 * 1024, // the largest context that can be set
    RESPONSE_BYTES_MAX = 4 * 1024 * 1024, // some servers repeat the question in it
};
static const nj_us retry_base_us = NJ_US_PER_S;
static const nj_us retry_cap_us = 30 * (nj_us)NJ_US_PER_S;
static const double retry_jitter = 0.25;
static const nj_us cancel_check_us = 100 * (nj_us)NJ_US_PER_MS; // a token cannot wake a waiter

struct llm {
    const struct nj_analysis_options *options;
    const struct nj_clock *clock;
    struct nj_http_client *client;
    char url[URL_SIZE];
    char key_header[KEY_SIZE]; // "" without a key
    struct nj_buf question, request, response;
    struct nj_rng rng;
    pthread_mutex_t mutex; // for waiting only
    pthread_cond_t cond;   // never signalled
};

static void destroy(void *analyser)
{
    struct llm *llm = analyser;
    if (llm == NULL)
        return;
    nj_http_client_destroy(llm->client);
    nj_buf_finish(&llm->question);
    nj_buf_finish(&llm->request);
    nj_buf_finish(&llm->response);
    pthread_cond_destroy(&llm->cond);
    pthread_mutex_destroy(&llm->mutex);
    free(llm);
}

static int make_addresses(struct llm *llm, struct nj_error *err)
{
    const struct nj_analysis_options *options = llm->options;
    const char *path =
        options->llm_protocol == NJ_LLM_CHAT ? "/v1/chat/completions" : "/completion";
    const char *base = options->llm_url != NULL ? options->llm_url : "";
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    int size = snprintf(llm->url, URL_SIZE, "%.*s%s", (int)length, base, path);
    if (length == 0 || size >= URL_SIZE)
        return nj_error_set(err, NJ_E_INVALID,
                            "analysis.llm_url must be the address of a language model's server, "
                            "as in http://host:8091");
    const char *key = options->llm_api_key != NULL ? options->llm_api_key : "";
    if (key[0] != '\0' &&
        snprintf(llm->key_header, KEY_SIZE, "Authorization: Bearer %s", key) >= KEY_SIZE)
        return nj_error_set(err, NJ_E_TOO_BIG, "analysis.llm_api_key is too long");
    if (strpbrk(key, "\r\n") != NULL)
        return nj_error_set(err, NJ_E_INVALID, "analysis.llm_api_key holds a line break");
    return 0;
}

static int check_budget(const struct nj_analysis_options *options, struct nj_error *err)
{
    if (options->llm_context_tokens - options->llm_output_tokens >= NJ_LLM_FIXED_TOKENS)
        return 0;
    return nj_error_set(err, NJ_E_INVALID,
                        "analysis.llm_context_tokens must be at least %d more than "
                        "analysis.llm_output_tokens, for the question",
                        NJ_LLM_FIXED_TOKENS);
}

static int create(const void *options, const struct nj_clock *clock, void **out,
                  struct nj_error *err)
{
    struct llm *llm = calloc(1, sizeof *llm);
    if (llm == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a language model's client");
    llm->options = options;
    llm->clock = clock;
    nj_buf_init(&llm->question, QUESTION_BYTES_MAX);
    nj_buf_init(&llm->request, (size_t)QUESTION_BYTES_MAX * 2); // escapes
    nj_buf_init(&llm->response, RESPONSE_BYTES_MAX);
    nj_rng_seed(&llm->rng, (uint64_t)nj_mono_us(clock) ^ (uint64_t)(uintptr_t)llm);
    pthread_mutex_init(&llm->mutex, NULL);
    int rc = nj_cond_init(&llm->cond);
    if (rc == 0)
        rc = make_addresses(llm, err);
    if (rc == 0)
        rc = check_budget(llm->options, err);
    if (rc == 0)
        rc = nj_http_client_create(&llm->client, err);
    if (rc != 0)
        destroy(llm);
    else
        *out = llm;
    return rc;
}

// Waits before the next try, in slices, because the token has to be looked at.
static int wait_before_next(struct llm *llm, unsigned tried, const struct nj_cancel *cancel,
                            struct nj_error *err)
{
    const struct nj_backoff backoff = {retry_base_us, retry_cap_us, retry_jitter};
    const nj_us end = nj_mono_us(llm->clock) + nj_backoff_delay(&backoff, tried, &llm->rng);
    bool fired = nj_cancel_fired(cancel);
    pthread_mutex_lock(&llm->mutex);
    for (nj_us left = end - nj_mono_us(llm->clock); left > 0 && !fired;
         left = end - nj_mono_us(llm->clock)) {
        nj_cond_wait(&llm->cond, &llm->mutex, left < cancel_check_us ? left : cancel_check_us);
        fired = nj_cancel_fired(cancel);
    }
    pthread_mutex_unlock(&llm->mutex);
    return fired ? nj_error_set(err, NJ_E_CANCELLED, "cancelled between two tries") : 0;
}

static int explain_status(int status, struct nj_error *err)
{
    if (status == 200)
        return 0;
    if (status >= 500)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the language model's server fails (status %d)",
                            status);
    return nj_error_set(err, NJ_E_INVALID, "the language model's server refuses (status %d)",
                        status);
}

static int ask_once(struct llm *llm, const struct nj_cancel *cancel, struct nj_finding *out,
                    struct nj_error *err)
{
    const char *headers[] = {"Content-Type: application/json",
                             llm->key_header[0] != '\0' ? llm->key_header : NULL, NULL};
    const struct nj_http_call call = {
        .method = "POST",
        .url = llm->url,
        .headers = headers,
        .body = llm->request.data,
        .body_length = llm->request.length,
        .connect_timeout_us = llm->options->llm_connect_us,
        .total_timeout_us = llm->options->llm_connect_us + llm->options->llm_read_us,
        .max_response_bytes = RESPONSE_BYTES_MAX,
        .rules = &nj_address_trusted,
        .cancel = cancel,
    };
    int status = 0;
    nj_buf_reset(&llm->response);
    int rc = nj_http_client_call(llm->client, &call, &status, &llm->response, err);
    if (rc == 0)
        rc = explain_status(status, err);
    if (rc == NJ_E_TOO_BIG)
        return nj_error_set(err, NJ_E_CORRUPT, "the language model's answer is over %d bytes",
                            RESPONSE_BYTES_MAX);
    if (rc != 0)
        return rc;
    return nj_llm_read_response(llm->options->llm_protocol, &llm->response, out, err);
}

static bool may_try_again(int rc)
{
    return rc == NJ_E_UNAVAILABLE || rc == NJ_E_TIMEOUT || rc == NJ_E_CORRUPT;
}

static int write_request(struct llm *llm, const struct nj_analysis_context *context,
                         struct nj_error *err)
{
    int64_t budget = llm->options->llm_context_tokens - llm->options->llm_output_tokens;
    nj_buf_reset(&llm->question);
    nj_buf_reset(&llm->request);
    int rc = nj_llm_write_question(context, budget, &llm->question, err);
    return rc != 0 ? rc
                   : nj_llm_write_request(llm->options, llm->question.data, &llm->request, err);
}

static int analyse(void *analyser, const struct nj_analysis_context *context,
                   const struct nj_cancel *cancel, struct nj_finding *out, struct nj_error *err)
{
    struct llm *llm = analyser;
    const int64_t tries = llm->options->llm_tries > 0 ? llm->options->llm_tries : 1;
    int rc = write_request(llm, context, err);
    if (rc != 0)
        return rc;
    struct nj_finding finding = {.analyser = nj_analyser_llm.name, .breakdown = "[]"};
    rc = ask_once(llm, cancel, &finding, err);
    for (unsigned n = 1; may_try_again(rc) && n < tries; n++) {
        rc = wait_before_next(llm, n, cancel, err);
        if (rc == 0)
            rc = ask_once(llm, cancel, &finding, err);
    }
    if (rc == 0)
        *out = finding;
    return rc;
}

const struct nj_analyser_driver nj_analyser_llm = {
    .name = "llm",
    .blocking = true,
    .create = create,
    .destroy = destroy,
    .analyse = analyse,
};
