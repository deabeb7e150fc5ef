// SPDX-License-Identifier: Apache-2.0
// Option table of the live sources.
#include "sources/source_driver.h"
#include "sources/sources.h"

#include "util/mem.h"

#define ENTRY(member) offsetof(struct nj_source_entry, member)

static const struct nj_option members[] = {
    {.name = "id",
     .type = NJ_OPTION_TEXT,
     .offset = ENTRY(id),
     .min = 1,
     .max = NJ_CAMERA_ID_SIZE - 1,
     .fallback = "",
     .help = "Id of the camera: lower-case letters, digits and underscores."},
    {.name = "name",
     .type = NJ_OPTION_TEXT,
     .offset = ENTRY(name),
     .max = NJ_CAMERA_NAME_SIZE - 1,
     .fallback = "",
     .help = "Name for people; the id when empty."},
    {.name = "kind",
     .type = NJ_OPTION_CHOICE,
     .offset = ENTRY(kind),
     .fallback = "file",
     .choices = nj_source_kinds,
     .help = "What the source is: a video file that plays as a camera."},
    {.name = "path",
     .type = NJ_OPTION_PATH,
     .offset = ENTRY(path),
     .min = 1,
     .max = 4096,
     .fallback = "",
     .help = "The video file."},
    {.name = "loop",
     .type = NJ_OPTION_BOOL,
     .offset = ENTRY(loop),
     .fallback = "true",
     .help = "Play again from the start at the end of the file."},
    {.name = "paced",
     .type = NJ_OPTION_BOOL,
     .offset = ENTRY(paced),
     .fallback = "true",
     .help = "Play at the file's own speed; else as fast as frames are taken."},
    {.name = "fps",
     .type = NJ_OPTION_NUMBER,
     .offset = ENTRY(fps),
     .min = 0,
     .max = 240,
     .unit = "frames per second",
     .fallback = "0",
     .help = "Frames handed on per second at most; 0 for all."},
    {.name = "masks",
     .type = NJ_OPTION_TEXT_LIST,
     .offset = ENTRY(masks),
     .fallback = "",
     .help = "Polygons that the motion gate ignores, each as \"x,y x,y x,y\" in parts of the "
             "picture (0 to 1)."},
};

const struct nj_option_group nj_source_entry_group = {
    .name = "source",
    .title = "Live camera",
    .options = members,
    .count = NJ_COUNT_OF(members),
    .struct_size = sizeof(struct nj_source_entry),
};

static const struct nj_option options[] = {
    {.name = "list",
     .type = NJ_OPTION_OBJECTS,
     .offset = offsetof(struct nj_sources_options, list),
     .max = 256,
     .fallback = "",
     .members = &nj_source_entry_group,
     .help = "Live cameras."},
    {.name = "offline_after_seconds",
     .env = "CAMERA_OFFLINE_AFTER_SECONDS",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_sources_options, offline_after_us),
     .min = 1,
     .max = 2592000,
     .unit = "s",
     .fallback = "3600",
     .help = "A camera that sent no picture for this long is shown as offline. Cameras that upload "
             "only on motion need more than live ones."},
};

const struct nj_option_group nj_sources_option_group = {
    .name = "sources",
    .title = "Live cameras",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_sources_options),
};
