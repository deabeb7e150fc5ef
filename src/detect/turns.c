// SPDX-License-Identifier: Apache-2.0
// Round robin over sources in two rings, one for each kind of work.
#include "detect/turns_priv.h"

#include "util/list.h"
#include "util/strmap.h"

#include <stdlib.h>
#include <string.h>

struct fifo {
    struct nj_detect_job *first, *last;
};

struct turn_source {
    struct nj_list perishable_node, durable_node; // in the rings while something waits
    struct nj_detect_job *perishable;             // the newest, or NULL
    struct fifo kept;                             // perishable ones that go before it
    struct fifo durable;
    char key[]; // a copy: the job's may be gone when the entry goes
};

struct nj_turns {
    struct nj_strmap *sources; // only those with something waiting
    struct nj_list perishable_ring, durable_ring;
    struct fifo ended;
    size_t waiting, held;
    unsigned perishable_run; // taken in a row while durable work waited
};

static void fifo_push(struct fifo *fifo, struct nj_detect_job *job)
{
    job->next = NULL;
    if (fifo->last != NULL)
        fifo->last->next = job;
    else
        fifo->first = job;
    fifo->last = job;
}

static struct nj_detect_job *fifo_pop(struct fifo *fifo)
{
    struct nj_detect_job *job = fifo->first;
    if (job == NULL)
        return NULL;
    fifo->first = job->next;
    if (fifo->first == NULL)
        fifo->last = NULL;
    job->next = NULL;
    return job;
}

struct nj_turns *nj_turns_create(void)
{
    struct nj_turns *turns = calloc(1, sizeof *turns);
    if (turns == NULL)
        return NULL;
    nj_list_init(&turns->perishable_ring);
    nj_list_init(&turns->durable_ring);
    turns->sources = nj_strmap_create(free);
    if (turns->sources == NULL) {
        free(turns);
        return NULL;
    }
    return turns;
}

void nj_turns_destroy(struct nj_turns *turns)
{
    if (turns == NULL)
        return;
    nj_strmap_destroy(turns->sources);
    free(turns);
}

static struct turn_source *get_source(struct nj_turns *turns, const char *key)
{
    struct turn_source *source = nj_strmap_get(turns->sources, key);
    if (source != NULL)
        return source;
    const size_t length = strlen(key);
    source = calloc(1, sizeof *source + length + 1);
    if (source == NULL)
        return NULL;
    memcpy(source->key, key, length);
    nj_list_init(&source->perishable_node);
    nj_list_init(&source->durable_node);
    if (nj_strmap_set(turns->sources, key, source) != 0) {
        free(source);
        return NULL;
    }
    return source;
}

static bool has_perishable(const struct turn_source *source)
{
    return source->perishable != NULL || source->kept.first != NULL;
}

static void forget_if_idle(struct nj_turns *turns, struct turn_source *source)
{
    if (!has_perishable(source) && source->durable.first == NULL)
        nj_strmap_remove(turns->sources, source->key);
}

int nj_turns_add(struct nj_turns *turns, struct nj_detect_job *job)
{
    struct turn_source *source = get_source(turns, job->source != NULL ? job->source : "");
    if (source == NULL)
        return NJ_E_NOMEM;
    turns->held++;
    if (job->deadline_us == 0) {
        if (source->durable.first == NULL)
            nj_list_append(&turns->durable_ring, &source->durable_node);
        fifo_push(&source->durable, job);
        turns->waiting++;
        return 0;
    }
    if (!has_perishable(source))
        nj_list_append(&turns->perishable_ring, &source->perishable_node);
    if (job->keep) {
        fifo_push(&source->kept, job);
        turns->waiting++;
        return 0;
    }
    job->next = NULL;
    if (source->perishable != NULL)
        fifo_push(&turns->ended, source->perishable);
    else
        turns->waiting++;
    source->perishable = job;
    return 0;
}

static struct nj_detect_job *take_perishable(struct nj_turns *turns)
{
    struct nj_list *node = turns->perishable_ring.next; // the ring is not empty
    nj_list_remove(node);
    struct turn_source *source = NJ_CONTAINER_OF(node, struct turn_source, perishable_node);
    struct nj_detect_job *job = fifo_pop(&source->kept);
    if (job == NULL) {
        job = source->perishable;
        source->perishable = NULL;
    }
    if (has_perishable(source))
        nj_list_append(&turns->perishable_ring, &source->perishable_node);
    else
        forget_if_idle(turns, source);
    return job;
}

static struct nj_detect_job *take_durable(struct nj_turns *turns)
{
    struct nj_list *node = turns->durable_ring.next; // the ring is not empty
    nj_list_remove(node);
    struct turn_source *source = NJ_CONTAINER_OF(node, struct turn_source, durable_node);
    struct nj_detect_job *job = fifo_pop(&source->durable);
    if (source->durable.first != NULL)
        nj_list_append(&turns->durable_ring, &source->durable_node);
    else
        forget_if_idle(turns, source);
    return job;
}

static bool is_perishable_turn(const struct nj_turns *turns)
{
    return !nj_list_empty(&turns->perishable_ring) &&
           (nj_list_empty(&turns->durable_ring) || turns->perishable_run < NJ_TURNS_PERISHABLE_RUN);
}

struct nj_detect_job *nj_turns_peek(const struct nj_turns *turns)
{
    if (turns->waiting == 0)
        return NULL;
    if (!is_perishable_turn(turns))
        return NJ_CONTAINER_OF(turns->durable_ring.next, struct turn_source, durable_node)
            ->durable.first;
    const struct turn_source *source =
        NJ_CONTAINER_OF(turns->perishable_ring.next, struct turn_source, perishable_node);
    return source->kept.first != NULL ? source->kept.first : source->perishable;
}

struct nj_detect_job *nj_turns_take(struct nj_turns *turns)
{
    const bool durable = !nj_list_empty(&turns->durable_ring);
    if (nj_list_empty(&turns->perishable_ring) && !durable)
        return NULL;
    turns->waiting--;
    turns->held--;
    if (is_perishable_turn(turns)) {
        turns->perishable_run = durable ? turns->perishable_run + 1 : 0;
        return take_perishable(turns);
    }
    turns->perishable_run = 0;
    return take_durable(turns);
}

void nj_turns_end(struct nj_turns *turns, struct nj_detect_job *job)
{
    fifo_push(&turns->ended, job);
    turns->held++;
}

struct nj_detect_job *nj_turns_take_ended(struct nj_turns *turns)
{
    struct nj_detect_job *job = fifo_pop(&turns->ended);
    if (job != NULL)
        turns->held--;
    return job;
}

size_t nj_turns_waiting(const struct nj_turns *turns)
{
    return turns->waiting;
}

size_t nj_turns_held(const struct nj_turns *turns)
{
    return turns->held;
}
