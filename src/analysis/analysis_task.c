// SPDX-License-Identifier: Apache-2.0
// One batch: claim, load, analyse, event. The event, the batch's state and the end of the queue
// entry are one transaction.
#include "analysis/analysis_priv.h"
#include "analysis/rules.h"
#include "bus/messages.h"
#include "health/pipeline_metrics.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void task_free(struct nj_analysis_task *task)
{
    task->analysis->under_way -= 1;
    nj_outbox_reset(&task->outbox);
    free(task->detections);
    free(task);
}

// Loop thread.
static void task_fail(struct nj_analysis_task *task, bool permanent, const struct nj_error *why)
{
    struct nj_analysis *analysis = task->analysis;
    if (why->code == NJ_E_CANCELLED) {
        nj_work_queue_release(analysis->config.queue, task->work);
    } else {
        nj_pipeline_error(analysis->config.metrics, "analysis_error");
        nj_log_at(analysis->config.log, NJ_LOG_WARNING, "Analysis failed",
                  NJ_TEXT("batch_id", task->batch_id), NJ_TEXT("error", why->text));
        nj_work_queue_fail(analysis->config.queue, task->work, permanent, why);
    }
    task_free(task);
}

static int apply_event(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_analysis_task *task = NJ_CONTAINER_OF(op, struct nj_analysis_task, op);
    int rc = 0;
    if (!task->nothing_to_do)
        nj_analysis_make_event(task);
    nj_outbox_reset(&task->outbox);
    if (!task->nothing_to_do) {
        task->event.id = 0;
        task->event.created_us = nj_db_now_us(db);
        rc = nj_events_insert(db, &task->event, err);
        if (rc == 0)
            rc = nj_message_event(&task->outbox, "event", &task->event, nj_db_now_us(db));
        if (rc == 0 || rc == NJ_E_EXISTS)
            rc = nj_batches_set_analysed(db, task->batch_id, err);
    }
    if (rc == 0)
        rc = nj_work_queue_complete(task->analysis->config.queue, db, task->work, err);
    return rc;
}

static void tell_event(const struct nj_analysis_task *task)
{
    const struct nj_analysis_config *config = &task->analysis->config;
    const struct nj_clock *clock = nj_loop_clock(config->loop);
    nj_us took_us = nj_mono_us(clock) - task->claimed_us;
    nj_pipeline_observe(nj_pipeline_stage(config->metrics, "analyze"), took_us);
    nj_latency_add(config->latency, NJ_STAGE_ANALYZE, took_us);
    nj_us now_us = nj_wall_us(clock);
    nj_latency_add(config->latency, NJ_STAGE_BATCH_TO_ANALYZE,
                   now_us - task->context.batch.closed_us);
    nj_latency_add(config->latency, NJ_STAGE_TOTAL_PIPELINE,
                   now_us - task->context.batch.pipeline_start_us);
    nj_log_at(config->log, NJ_LOG_INFO, "Event created", NJ_INT("event_id", task->event.id),
              NJ_TEXT("batch_id", task->batch_id), NJ_TEXT("camera_id", task->event.camera_id),
              NJ_INT("risk_score", task->event.risk_score),
              NJ_TEXT("risk_level", task->event.risk_level),
              NJ_TEXT("analyser", task->event.analyser));
}

static void handle_event_stored(struct nj_store_op *op)
{
    struct nj_analysis_task *task = NJ_CONTAINER_OF(op, struct nj_analysis_task, op);
    struct nj_analysis *analysis = task->analysis;
    if (op->rc != 0 && op->rc != NJ_E_CONFLICT) {
        struct nj_error why = op->error;
        task_fail(task, false, &why);
        return;
    }
    // After a lost lease another delivery stores the same event; this one changed nothing.
    if (op->rc == 0) {
        if (!task->nothing_to_do)
            tell_event(task);
        nj_outbox_publish(&task->outbox, analysis->config.bus);
    }
    nj_work_queue_finish(analysis->config.queue, task->work);
    task_free(task);
}

// Rules take no time: they are asked where the event is written, which spares every batch a read, a
// change of threads and a wait.
static int apply_rules(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    struct nj_analysis_task *task = NJ_CONTAINER_OF(op, struct nj_analysis_task, op);
    int rc = nj_analysis_load(task, db, err);
    if (rc == 0 && !task->nothing_to_do)
        rc = nj_analyser_rules.analyse(NULL, &task->context, NULL, &task->finding, err);
    return rc != 0 ? rc : apply_event(op, db, err);
}

// Loop thread.
static void store_event(struct nj_analysis_task *task, bool analysed)
{
    task->op = (struct nj_store_op){.apply = analysed ? apply_event : apply_rules,
                                    .done = handle_event_stored,
                                    .loop = task->analysis->config.loop,
                                    .patient = true};
    int rc = nj_store_write(task->analysis->config.store, &task->op);
    if (rc == 0)
        return;
    struct nj_error why;
    nj_error_set(&why, rc, "the store takes no more operations now");
    task_fail(task, false, &why);
}

static int fall_back(struct nj_analysis_task *task, const struct nj_error *why,
                     struct nj_error *err)
{
    int rc = nj_analyser_rules.analyse(NULL, &task->context, NULL, &task->finding, err);
    if (rc != 0)
        return rc;
    char rules[NJ_EVENT_TEXT_SIZE];
    nj_text_copy(rules, sizeof rules, task->finding.reasoning);
    snprintf(task->finding.reasoning, sizeof task->finding.reasoning,
             "The language model gave no answer (%.300s), so the rules scored this: %.3500s",
             why->text, rules);
    task->finding.analyser = "rules_fallback";
    return 0;
}

static void handle_analysed(struct nj_call *call)
{
    struct nj_analysis_task *task = NJ_CONTAINER_OF(call, struct nj_analysis_task, call);
    if (task->op.rc == 0) {
        store_event(task, true);
        return;
    }
    struct nj_error why = task->op.error;
    task_fail(task, false, &why);
}

// Asks behind the breaker; a service that is away is not asked again and again.
static int ask(struct nj_analysis_task *task, void *analyser, struct nj_error *err)
{
    struct nj_analysis *analysis = task->analysis;
    struct nj_breaker *breaker = analysis->config.breaker;
    uint64_t round = 0;
    int rc = breaker != NULL ? nj_breaker_enter(breaker, &round, err) : 0;
    if (rc != 0)
        return rc;
    rc =
        analysis->driver->analyse(analyser, &task->context, &analysis->cancel, &task->finding, err);
    if (breaker == NULL)
        return rc;
    if (rc == 0)
        nj_breaker_success(breaker, round);
    else if (rc == NJ_E_CANCELLED || rc == NJ_E_NOMEM || rc == NJ_E_TOO_BIG)
        nj_breaker_cancelled(breaker, round); // says nothing about the service
    else
        nj_breaker_failure(breaker, round);
    return rc;
}

void nj_analysis_task_run(struct nj_analysis_task *task, void *analyser)
{
    struct nj_error why = {0};
    task->op.error = (struct nj_error){0};
    int rc = ask(task, analyser, &why);
    if (rc == NJ_E_CANCELLED) {
        task->op.error = why;
    } else if (rc != 0) {
        nj_pipeline_error(task->analysis->config.metrics, "llm_error");
        nj_log_at(task->analysis->config.log, NJ_LOG_WARNING,
                  "The language model gave no answer; the rules score this batch",
                  NJ_TEXT("batch_id", task->batch_id), NJ_TEXT("error", why.text));
        rc = fall_back(task, &why, &task->op.error);
    }
    task->op.rc = rc;
    task->call.fn = handle_analysed;
    nj_loop_post(task->analysis->config.loop, &task->call);
}

static int apply_load(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    return nj_analysis_load(NJ_CONTAINER_OF(op, struct nj_analysis_task, op), db, err);
}

static void handle_loaded(struct nj_store_op *op)
{
    struct nj_analysis_task *task = NJ_CONTAINER_OF(op, struct nj_analysis_task, op);
    struct nj_error why = op->error;
    if (op->rc != 0) {
        task_fail(task, false, &why);
        return;
    }
    if (task->nothing_to_do) {
        store_event(task, true);
        return;
    }
    int rc = nj_queue_push(task->analysis->waiting, task, sizeof *task);
    if (rc != 0) {
        nj_error_set(&why, rc == NJ_E_FULL ? NJ_E_FULL : NJ_E_CANCELLED, "the analysis is busy");
        task_fail(task, false, &why);
    }
}

void nj_analysis_task_begin(struct nj_analysis *analysis, struct nj_work_item *work)
{
    struct nj_error why = {0};
    const char *batch_id = NULL;
    struct nj_analysis_task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        nj_error_set(&why, NJ_E_NOMEM, "out of memory");
        nj_work_queue_fail(analysis->config.queue, work, false, &why);
        return;
    }
    task->analysis = analysis;
    task->work = work;
    task->severity = analysis->severity;
    task->claimed_us = nj_mono_us(nj_loop_clock(analysis->config.loop));
    nj_outbox_init(&task->outbox);
    analysis->under_way += 1;
    int rc = nj_json_get_text(work->payload, "batch_id", true, &batch_id, &why);
    if (rc == 0 && !nj_text_copy(task->batch_id, sizeof task->batch_id, batch_id))
        rc = nj_error_set(&why, NJ_E_INVALID, "batch_id is longer than %d bytes",
                          NJ_BATCH_ID_SIZE - 1);
    if (rc != 0) {
        task_fail(task, true, &why);
        return;
    }
    if (analysis->waiting == NULL) {
        store_event(task, false);
        return;
    }
    task->op = (struct nj_store_op){
        .apply = apply_load, .done = handle_loaded, .loop = analysis->config.loop};
    rc = nj_store_read(analysis->config.store, &task->op);
    if (rc != 0) {
        nj_error_set(&why, rc, "the store takes no more operations now");
        task_fail(task, false, &why);
    }
}
