// SPDX-License-Identifier: Apache-2.0
// What the metrics say of one stream.
#include "sources/stream_metrics_priv.h"

#include "net/url.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdio.h>

enum { LABEL_SIZE = NJ_URL_MAX + 16 }; // an address and a number

static void write_label(const char *address, unsigned number, char out[LABEL_SIZE])
{
    if (number > 1)
        (void)snprintf(out, LABEL_SIZE, "%s #%u", address, number);
    else
        (void)nj_text_copy(out, LABEL_SIZE, address);
}

#define PLACE(member) offsetof(struct nj_stream_metrics, member)

static const struct {
    size_t place; // of the pointer to it
    struct nj_metric_spec spec;
} kept[] = {
    {PLACE(state),
     {.type = NJ_GAUGE,
      .name = "stream_state",
      .help = "State of a stream: 0 stopped, 1 starting, 2 active, 3 error, 4 ended, 5 failed"}},
    {PLACE(fps),
     {.type = NJ_GAUGE, .name = "stream_fps", .help = "Pictures a second over the last seconds"}},
    {PLACE(users), {.type = NJ_GAUGE, .name = "stream_users", .help = "Users of a stream"}},
    {PLACE(frames),
     {.type = NJ_COUNTER, .name = "stream_frames_total", .help = "Pictures that came"}},
    {PLACE(decoded),
     {.type = NJ_COUNTER,
      .name = "stream_decoded_total",
      .help = "Pictures of an RTSP camera that were decoded; the others nobody wanted"}},
    {PLACE(drops),
     {.type = NJ_COUNTER,
      .name = "stream_drops_total",
      .help = "Pictures that came too late or could not be decoded"}},
    {PLACE(lost),
     {.type = NJ_COUNTER,
      .name = "stream_packets_lost_total",
      .help = "Packets that an RTSP camera numbered and that never came"}},
    {PLACE(restarts),
     {.type = NJ_COUNTER,
      .name = "stream_restarts_total",
      .help = "Connections begun anew after a failure"}},
    {PLACE(error),
     {.type = NJ_GAUGE,
      .name = "stream_last_error",
      .help = "Kind of a stream's last error, also of one that is over: 0 none, 1 wrong login, "
              "address or answer, 2 not found, 5 input or output, 7 time-out, 10 not to be had, "
              "11 not supported, 12 damaged, 13 too big, 14 address not allowed"}},
    {PLACE(error_time),
     {.type = NJ_GAUGE,
      .name = "stream_last_error_timestamp_seconds",
      .help = "When that was; 0: never"}},
};

void nj_stream_metrics_begin(struct nj_stream_metrics *stream, struct nj_metrics *metrics,
                             const char *address, unsigned number)
{
    *stream = (struct nj_stream_metrics){.state = NULL};
    if (!metrics)
        return;
    char label[LABEL_SIZE];
    write_label(address, number, label);
    for (size_t i = 0; i < NJ_COUNT_OF(kept); i++) {
        struct nj_metric_spec spec = kept[i].spec;
        spec.label = "stream";
        struct nj_metric **place = (struct nj_metric **)(void *)((char *)stream + kept[i].place);
        *place = nj_metrics_get(metrics, &spec, label);
    }
}

static void count_up(struct nj_metric *metric, uint64_t *told, uint64_t now)
{
    nj_metric_add(metric, (double)(now - *told));
    *told = now;
}

void nj_stream_metrics_set(struct nj_stream_metrics *stream, const struct nj_stream_view *view)
{
    if (!stream->state)
        return;
    nj_metric_set(stream->state, (double)view->stats.state);
    nj_metric_set(stream->fps, view->stats.fps);
    nj_metric_set(stream->users, (double)view->users);
    nj_metric_set(stream->error, (double)-view->stats.last_error_code); // no "-0"
    nj_metric_set(stream->error_time, (double)view->stats.last_error_us / NJ_US_PER_S);
    count_up(stream->frames, &stream->frames_told, view->stats.frames);
    count_up(stream->decoded, &stream->decoded_told, view->stats.decoded);
    count_up(stream->drops, &stream->drops_told, view->stats.dropped);
    count_up(stream->lost, &stream->lost_told, view->stats.packets_lost);
    count_up(stream->restarts, &stream->restarts_told, view->stats.restarts);
}

void nj_stream_metrics_end(struct nj_stream_metrics *stream)
{
    if (!stream->state)
        return;
    nj_metric_set(stream->state, 0);
    nj_metric_set(stream->fps, 0);
    nj_metric_set(stream->users, 0);
}
