// SPDX-License-Identifier: Apache-2.0
// Our side of bench/streams.mjs: plays RTSP streams through the door of streams and makes RGB of
// 640x360 at 5 frames a second of each, in one process and without inference.
//
//   bench_streams [--still yes] URL ...
//
// Prints "ready" when every stream has given its first picture; ends with its standard input and
// prints "frames N".
#include "bench/report.h"
#include "loop/loop.h"
#include "loop/thread.h"
#include "sources/streams.h"
#include "util/mem.h"

#include <libyuv.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STREAMS_MAX = 64,
    ID_BYTES = 32,
    WIDTH = 640,
    HEIGHT = 360,
    CHROMA_WIDTH = WIDTH / 2,
    CHROMA_HEIGHT = HEIGHT / 2,
};

static const double fps_out = 5;

struct bench {
    struct nj_loop *loop;
    size_t count;
    atomic_size_t started;
    atomic_ullong frames;
};

// One stream and what is made of it; the pixels are its capture thread's.
struct sight {
    struct bench *bench;
    struct nj_stream_user *user;
    size_t number;
    bool seen;
    uint8_t scaled[WIDTH * HEIGHT * 3 / 2];
    uint8_t rgb[WIDTH * HEIGHT * 3];
};

static void take_frame(void *context, struct nj_frame *frame)
{
    struct sight *sight = context;
    struct bench *bench = sight->bench;
    uint8_t *y = sight->scaled, *u = y + WIDTH * HEIGHT, *v = u + CHROMA_WIDTH * CHROMA_HEIGHT;
    if (frame->format != NJ_PIXEL_I420)
        return;
    I420Scale(frame->planes[0], frame->strides[0], frame->planes[1], frame->strides[1],
              frame->planes[2], frame->strides[2], frame->width, frame->height, y, WIDTH, u,
              CHROMA_WIDTH, v, CHROMA_WIDTH, WIDTH, HEIGHT, kFilterBox);
    I420ToRAW(y, WIDTH, u, CHROMA_WIDTH, v, CHROMA_WIDTH, sight->rgb, WIDTH * 3, WIDTH, HEIGHT);
    atomic_fetch_add(&bench->frames, 1);
    if (sight->seen)
        return;
    sight->seen = true;
    if (atomic_fetch_add(&bench->started, 1) + 1 == bench->count) {
        printf("ready\n");
        fflush(stdout);
    }
}

static int kind_of_rtsp(void)
{
    for (int i = 0; nj_source_kinds[i]; i++)
        if (!strcmp(nj_source_kinds[i], "rtsp"))
            return i;
    return -1;
}

static void wait_for_input_to_end(void *arg)
{
    struct bench *bench = arg;
    char byte;
    while (read(0, &byte, 1) > 0)
        continue;
    nj_loop_stop(bench->loop);
}

static int join(struct nj_streams *streams, struct sight *sight, const char *url, bool still,
                struct nj_error *err)
{
    char id[ID_BYTES];
    snprintf(id, sizeof(id), "cam%zu", sight->number);
    const struct nj_source_entry entry = {.id = id,
                                          .name = id,
                                          .kind = kind_of_rtsp(),
                                          .url = url,
                                          .reconnect_us = NJ_US_PER_S,
                                          .max_retries = -1,
                                          .keyframes_when_still = still};
    const struct nj_stream_request request = {
        .entry = &entry, .fps = fps_out, .sink = {.frame = take_frame, .context = sight}};
    int code = nj_streams_join(streams, &request, &sight->user, err);
    if (!code && still)
        nj_stream_set_still(sight->user, true);
    return code;
}

// The arguments that are URLs.
static size_t find_urls(int argc, char **argv, const char *urls[STREAMS_MAX])
{
    size_t count = 0;
    for (int i = 1; i < argc && count < STREAMS_MAX; i++)
        if (strstr(argv[i], "://"))
            urls[count++] = argv[i];
    return count;
}

static int play(struct bench *bench, struct nj_streams *streams, int argc, char **argv)
{
    const char *urls[STREAMS_MAX];
    struct nj_error err = {0};
    bool still = !strcmp(bench_option(argc, argv, "still", "no"), "yes");
    bench->count = find_urls(argc, argv, urls);
    struct sight *sights = calloc(bench->count, sizeof(*sights));
    int code = sights ? 0 : NJ_E_NOMEM;
    for (size_t i = 0; !code && i < bench->count; i++) {
        sights[i].bench = bench;
        sights[i].number = i;
        code = join(streams, &sights[i], urls[i], still, &err);
    }
    pthread_t waiter;
    if (!code)
        code = nj_thread_start(&waiter, "stdin", wait_for_input_to_end, bench, &err);
    if (!code) {
        nj_loop_run(bench->loop);
        nj_thread_join(waiter);
        printf("frames %llu\n", atomic_load(&bench->frames));
    } else {
        fprintf(stderr, "streams: %s\n", err.text);
    }
    for (size_t i = 0; sights && i < bench->count; i++)
        nj_streams_leave(sights[i].user);
    free(sights);
    return code;
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    struct nj_streams *streams = NULL;
    struct nj_error err = {0};
    const struct nj_streams_options options = {.max_streams = STREAMS_MAX};
    int code = nj_loop_create(nj_clock_real(), &bench.loop, &err);
    const struct nj_streams_config config = {.options = &options, .loop = bench.loop};
    if (!code)
        code = nj_streams_create(&config, &streams, &err);
    if (code)
        fprintf(stderr, "streams: %s\n", err.text);
    else
        code = play(&bench, streams, argc, argv);
    nj_streams_destroy(streams);
    nj_loop_destroy(bench.loop);
    return code ? 2 : 0;
}
