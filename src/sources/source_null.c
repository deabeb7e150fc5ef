// SPDX-License-Identifier: Apache-2.0
// Generated grey pictures with a bright square that moves one step a frame: a camera for tests, and
// the template of a driver.
#include "sources/source_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SQUARE_PX = 16,
    BACKGROUND = 64,
    FOREGROUND = 224,
    DEFAULT_FPS = 25,
};

struct script {
    int width, height, count;
};

static int create(const struct nj_source_entry *entry, void **out, struct nj_error *err)
{
    struct script script = {0};
    int length = 0;
    int found = sscanf(entry->path, "%4dx%4dx%9d%n", // NOLINT(cert-err34-c): checked below
                       &script.width, &script.height, &script.count, &length);
    if (found != 3 || entry->path[length] != '\0' || script.width < SQUARE_PX ||
        script.height < SQUARE_PX || script.count < 1)
        return nj_error_set(err, NJ_E_INVALID,
                            "path \"%s\" of a null source must be WIDTHxHEIGHTxFRAMES",
                            entry->path);
    struct script *copy = malloc(sizeof *copy);
    if (!copy)
        return nj_error_set(err, NJ_E_NOMEM, "no memory");
    *copy = script;
    *out = copy;
    return 0;
}

static void destroy(void *state)
{
    free(state);
}

static int draw(const struct script *script, int number, struct nj_frame **out)
{
    struct nj_frame *frame = NULL;
    int rc = nj_frame_allocate(script->width, script->height, NJ_PIXEL_GRAY, &frame);
    if (rc != 0)
        return rc;
    uint8_t *pixels = (uint8_t *)(uintptr_t)frame->planes[0];
    int x = number % (script->width - SQUARE_PX + 1);
    int y = (script->height - SQUARE_PX) / 2;
    for (int row = 0; row < script->height; row++) {
        uint8_t *line = pixels + (size_t)row * (size_t)frame->strides[0];
        memset(line, BACKGROUND, (size_t)script->width);
        if (row >= y && row < y + SQUARE_PX)
            memset(line + x, FOREGROUND, SQUARE_PX);
    }
    *out = frame;
    return 0;
}

static int play(void *state, struct nj_source *source, struct nj_error *err)
{
    const struct script *script = state;
    const struct nj_source_entry *entry = nj_source_entry_of(source);
    nj_us step_us = (nj_us)(NJ_US_PER_S / (entry->fps > 0 ? entry->fps : DEFAULT_FPS));
    do {
        for (int i = 0; i < script->count; i++) {
            struct nj_frame *frame = NULL;
            if (!nj_source_wait(source, entry->paced ? step_us : 0))
                return NJ_E_CANCELLED;
            if (draw(script, i, &frame) != 0)
                return nj_error_set(err, NJ_E_NOMEM, "no memory for a picture");
            nj_source_hand_on(source, frame);
        }
        if (entry->loop)
            nj_source_reset(source);
    } while (entry->loop);
    return 0;
}

const struct nj_source_driver nj_source_null = {
    .thins_out = true,
    .create = create,
    .destroy = destroy,
    .play = play,
};
