// SPDX-License-Identifier: Apache-2.0
// A video file that plays as a live camera: at its own pace or as fast as it can be decoded and
// taken, once or in a loop.
#include "sources/source_driver.h"

#include "frames/pacer.h"
#include "frames/video.h"

#include <stdlib.h>

enum {
    LATE_TOLERANCE_US = 200 * NJ_US_PER_MS, // a viewer does not see this; more is caught up with
    FRAME_DURATION_US = 40 * NJ_US_PER_MS,  // where the file does not tell its rate
};

struct player {
    struct nj_source *source;
    struct nj_video *video;
    struct nj_video_info info;
    struct nj_pacer pacer;
    nj_us next_wanted_us; // presentation time before which frames are too many
};

// A file that is not there now (a disk that is not mounted) is this camera's trouble alone: playing
// tries it again and again, and the state says why.
static int create(const struct nj_source_entry *entry, void **out, struct nj_error *err)
{
    if (entry->path[0] == '\0')
        return nj_error_set(err, NJ_E_INVALID,
                            !entry->url || entry->url[0] == '\0'
                                ? "path: name a video file"
                                : "kind: a camera with an address is \"rtsp\" or \"snapshot\"");
    struct player *player = calloc(1, sizeof *player);
    if (!player)
        return nj_error_set(err, NJ_E_NOMEM, "no memory");
    *out = player;
    return 0;
}

static void destroy(void *state)
{
    free(state);
}

// `fps` thins out: the first frame at or after each wanted time, with room for uneven times.
static bool is_wanted(struct player *player, nj_us pts_us)
{
    double fps = nj_source_entry_of(player->source)->fps;
    if (fps <= 0)
        return true;
    nj_us step_us = (nj_us)(NJ_US_PER_S / fps);
    if (pts_us < player->next_wanted_us - step_us / 8)
        return false;
    player->next_wanted_us += step_us;
    if (player->next_wanted_us <= pts_us)
        player->next_wanted_us = pts_us + step_us;
    return true;
}

// True when the frame is to be handed on, now.
static bool pace(struct player *player, nj_us pts_us)
{
    struct nj_source *source = player->source;
    if (!is_wanted(player, pts_us))
        return false;
    if (!nj_source_entry_of(source)->paced)
        return true;
    struct nj_pacer_step step = nj_pacer_next(
        &player->pacer, pts_us, nj_mono_us(nj_source_clock(source)), LATE_TOLERANCE_US);
    if (step.drop) {
        nj_source_drop(source);
        return false;
    }
    return step.wait_us <= 0 || nj_source_wait(source, step.wait_us);
}

static int start_over(struct player *player, struct nj_error *err)
{
    double fps = player->info.fps;
    int rc = nj_video_rewind(player->video, err);
    if (rc != 0)
        return rc;
    nj_pacer_loop(&player->pacer, fps > 0 ? (nj_us)(NJ_US_PER_S / fps) : FRAME_DURATION_US);
    player->next_wanted_us = 0;
    nj_source_reset(player->source);
    return 0;
}

static int play_open(struct player *player, struct nj_error *err)
{
    const struct nj_source_entry *entry = nj_source_entry_of(player->source);
    uint64_t of_round = 0;
    while (!nj_cancel_fired(nj_source_cancel(player->source))) {
        struct nj_frame *frame = NULL;
        nj_us pts_us = 0;
        int rc = nj_video_next(player->video, &frame, &pts_us, err);
        if (rc == NJ_E_AGAIN && !entry->loop)
            return 0;
        if (rc == NJ_E_AGAIN && of_round == 0)
            return nj_error_set(err, NJ_E_CORRUPT, "%s has no frame that can be decoded",
                                entry->path);
        if (rc == NJ_E_AGAIN) {
            of_round = 0;
            rc = start_over(player, err);
        }
        if (rc != 0)
            return rc;
        if (!frame)
            continue;
        of_round++;
        if (pace(player, pts_us))
            nj_source_hand_on(player->source, frame);
        else
            nj_frame_unref(frame);
    }
    return NJ_E_CANCELLED;
}

static int play(void *state, struct nj_source *source, struct nj_error *err)
{
    struct player *player = state;
    const char *path = nj_source_entry_of(source)->path;
    *player = (struct player){.source = source};
    int rc = nj_video_open(path, nj_source_cancel(source), &player->video, &player->info, err);
    if (rc != 0)
        return rc;
    rc = play_open(player, err);
    nj_video_close(player->video);
    player->video = NULL;
    return rc;
}

const struct nj_source_driver nj_source_file = {
    .thins_out = true,
    .create = create,
    .destroy = destroy,
    .play = play,
};
