// SPDX-License-Identifier: Apache-2.0
// The runner of actions: its beginning, its end, its numbers.
#include "actions/action_priv.h"

#include <stdlib.h>
#include <string.h>

static void find_metrics(struct nj_action_runner *runner)
{
    static const struct nj_metric_spec actions = {.type = NJ_COUNTER,
                                                  .name = "actions_total",
                                                  .help = "Actions of pipelines, by result; "
                                                          "skipped: a name in their templates had "
                                                          "no value; dead, lost: of the failed, "
                                                          "those kept as letters, those that "
                                                          "could not be kept",
                                                  .label = "result"};
    static const struct nj_metric_spec held = {
        .type = NJ_GAUGE,
        .name = "actions_held",
        .help = "Failed actions in memory until the store takes their letters."};
    struct nj_metrics *metrics = runner->config.metrics;
    if (metrics == NULL)
        return;
    runner->metric_done = nj_metrics_get(metrics, &actions, "done");
    runner->metric_skipped = nj_metrics_get(metrics, &actions, "skipped");
    runner->metric_failed = nj_metrics_get(metrics, &actions, "failed");
    runner->metric_dead = nj_metrics_get(metrics, &actions, "dead");
    runner->metric_lost = nj_metrics_get(metrics, &actions, "lost");
    runner->metric_held = nj_metrics_get(metrics, &held, NULL);
}

// The site's servers are connected to at once, so that health tells of them before the first
// action.
static int connect_site(struct nj_action_runner *runner, struct nj_error *err)
{
    static const enum nj_action_edge edges[] = {NJ_EDGE_REDIS, NJ_EDGE_FOREIGN};
    int rc = 0;
    for (size_t i = 0; i < NJ_COUNT_OF(edges) && rc == 0; i++) {
        struct nj_action_site site;
        struct nj_action_target *target = NULL;
        nj_action_site_of(runner, edges[i], NULL, &site);
        rc = nj_action_target_get(runner, &site, &target, err);
        if (target != NULL)
            target->users++; // the site's stay
    }
    return rc;
}

static void handle_deadline(struct nj_timer *timer);

int nj_action_runner_create(const struct nj_action_runner_config *config,
                            struct nj_action_runner **out, struct nj_error *err)
{
    struct nj_action_runner *runner = calloc(1, sizeof *runner);
    if (runner == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for actions");
    runner->config = *config;
    runner->clock = nj_loop_clock(config->loop);
    nj_list_init(&runner->jobs);
    nj_list_init(&runner->targets);
    nj_rng_seed(&runner->rng, (uint64_t)nj_mono_us(runner->clock));
    nj_timer_init(&runner->stop_timer, config->loop, handle_deadline);
    nj_action_held_init(runner);
    nj_action_sweep_start(runner);
    find_metrics(runner);
    runner->lanes = nj_strmap_create(free);
    int rc = runner->lanes != NULL ? 0 : nj_error_set(err, NJ_E_NOMEM, "no memory for actions");
    rc = rc != 0 ? rc : nj_action_posts_start(runner, err);
    rc = rc != 0 ? rc : connect_site(runner, err);
    if (rc == 0)
        rc = nj_work_queue_start(config->queue, NJ_ACTION_QUEUE_CAPACITY, nj_action_requeued,
                                 runner);
    if (rc != 0)
        nj_action_runner_destroy(runner);
    else
        *out = runner;
    return rc;
}

// Jobs that only wait become work of the next start; those with a server are ended by it. Of a lane
// the first, the others follow it in their order.
static struct nj_action_job *find_waiting(struct nj_action_runner *runner)
{
    for (struct nj_list *node = runner->jobs.next; node != &runner->jobs; node = node->next) {
        struct nj_action_job *job = NJ_CONTAINER_OF(node, struct nj_action_job, all);
        const bool first = job->lane == NULL || job->lane->jobs.next == &job->node;
        if (first && (job->state == NJ_ACTION_PAUSING || job->state == NJ_ACTION_READY))
            return job;
    }
    return NULL;
}

static void handle_deadline(struct nj_timer *timer)
{
    struct nj_action_runner *runner = NJ_CONTAINER_OF(timer, struct nj_action_runner, stop_timer);
    struct nj_action_job *job;
    struct nj_error why;
    runner->parking = true;
    runner->others++; // not stopped before the end of this
    nj_error_set(&why, NJ_E_CANCELLED, "stopping");
    while ((job = find_waiting(runner)) != NULL)
        nj_action_keep(job, true, NJ_E_CANCELLED, &why);
    nj_action_offer_held(runner); // for the last time
    nj_action_posts_stop(runner);
    for (struct nj_list *node = runner->targets.next; node != &runner->targets; node = node->next) {
        struct nj_action_target *target = NJ_CONTAINER_OF(node, struct nj_action_target, node);
        nj_redis_destroy(target->redis);
        target->redis = NULL;
        if (target->foreign != NULL)
            nj_foreign_destroy(target->foreign, 0);
        target->foreign = NULL;
    }
    runner->others--;
    nj_action_check_stopped(runner);
}

void nj_action_check_stopped(struct nj_action_runner *runner)
{
    if (runner->stopped == NULL || runner->job_count > 0 || runner->held_count > 0 ||
        runner->others > 0)
        return;
    void (*stopped)(void *arg) = runner->stopped;
    runner->stopped = NULL;
    nj_timer_stop(&runner->stop_timer);
    stopped(runner->stopped_arg);
}

void nj_action_runner_stop(struct nj_action_runner *runner, nj_us deadline_us,
                           void (*done)(void *arg), void *arg)
{
    runner->stopping = true;
    runner->stopped = done;
    runner->stopped_arg = arg;
    nj_timer_stop(&runner->sweep_timer);
    nj_work_queue_pause(runner->config.queue);
    nj_action_offer_held(runner);
    if (nj_timer_start(&runner->stop_timer, deadline_us > 0 ? deadline_us : 0, 0) != 0)
        handle_deadline(&runner->stop_timer);
    else
        nj_action_check_stopped(runner);
}

void nj_action_runner_destroy(struct nj_action_runner *runner)
{
    if (runner == NULL)
        return;
    nj_timer_stop(&runner->sweep_timer);
    nj_timer_stop(&runner->stop_timer);
    nj_action_posts_destroy(runner);
    nj_action_held_finish(runner);
    nj_action_targets_destroy(runner);
    nj_strmap_destroy(runner->lanes);
    free(runner);
}

void nj_action_runner_get_stats(struct nj_action_runner *runner, struct nj_action_stats *out)
{
    *out = runner->stats;
    out->under_way = (int64_t)runner->job_count;
    out->held = (int64_t)runner->held_count;
    out->redis_configured = runner->config.redis->url[0] != '\0';
    out->foreign_configured = runner->config.foreign->url[0] != '\0';
    for (struct nj_list *node = runner->targets.next; node != &runner->targets; node = node->next) {
        struct nj_action_target *target = NJ_CONTAINER_OF(node, struct nj_action_target, node);
        struct nj_foreign_stats stats;
        if (strcmp(target->name, "redis") == 0 && target->redis != NULL)
            out->redis_ready = nj_redis_state(target->redis, NULL) == NJ_REDIS_READY;
        if (strcmp(target->name, "postgresql") != 0 || target->foreign == NULL)
            continue;
        nj_foreign_get_stats(target->foreign, &stats);
        out->foreign_ready = stats.connected;
    }
}
