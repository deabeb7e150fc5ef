// SPDX-License-Identifier: Apache-2.0
// What a file claims to be by its name, and what its first bytes say.
#include "sources/media_kind_priv.h"

#include "util/mem.h"
#include "util/text.h"

#include <string.h>

static const struct suffix {
    const char *text;
    enum nj_media_kind kind;
} suffixes[] = {
    {".jpg", NJ_MEDIA_IMAGE}, {".jpeg", NJ_MEDIA_IMAGE}, {".png", NJ_MEDIA_IMAGE},
    {".mp4", NJ_MEDIA_VIDEO}, {".mkv", NJ_MEDIA_VIDEO},  {".avi", NJ_MEDIA_VIDEO},
    {".mov", NJ_MEDIA_VIDEO},
};

enum nj_media_kind nj_media_kind_of_name(const char *name)
{
    if (name[0] == '.')
        return NJ_MEDIA_NONE;
    for (size_t i = 0; i < NJ_COUNT_OF(suffixes); i++) {
        if (nj_text_ends_with_nocase(name, suffixes[i].text))
            return suffixes[i].kind;
    }
    return NJ_MEDIA_NONE;
}

const char *nj_media_kind_text(enum nj_media_kind kind)
{
    return kind == NJ_MEDIA_VIDEO ? "video" : "image";
}

// First atoms of ISO base media and of QuickTime files that have no ftyp.
static const char atoms[][5] = {"ftyp", "moov", "mdat", "wide", "free", "skip"};

static bool is_iso_media(const unsigned char *bytes)
{
    for (size_t i = 0; i < NJ_COUNT_OF(atoms); i++) {
        if (memcmp(bytes + 4, atoms[i], 4) == 0)
            return true;
    }
    return false;
}

bool nj_media_is_video(const void *bytes, size_t length)
{
    static const unsigned char matroska[] = {0x1a, 0x45, 0xdf, 0xa3};
    const unsigned char *head = bytes;
    if (length < NJ_MEDIA_MAGIC_BYTES)
        return false;
    return memcmp(head, matroska, sizeof matroska) == 0 ||
           (memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "AVI ", 4) == 0) || is_iso_media(head);
}
