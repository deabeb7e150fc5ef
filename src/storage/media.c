// SPDX-License-Identifier: Apache-2.0
// Our own pictures on disk: folder/camera/day/camera_time_number.jpg.
#include "storage/media.h"
#include "util/digest.h"
#include "util/file.h"
#include "util/text.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct nj_media {
    char *folder;
    double min_free;
    atomic_uint_least32_t number; // starts anywhere: names of two runs do not meet
    atomic_uint_least64_t written, refused, bytes;
};

static int random_start(uint32_t *out)
{
    char hex[9];
    int rc = nj_random_hex(hex, 4);
    if (rc == 0)
        *out = (uint32_t)strtoul(hex, NULL, 16);
    return rc;
}

int nj_media_create(const char *folder, double min_free, struct nj_media **out,
                    struct nj_error *err)
{
    uint32_t start = 0;
    int rc = nj_dir_create(folder, err);
    if (rc != 0)
        return rc;
    rc = random_start(&start);
    if (rc != 0)
        return nj_error_set(err, rc, "media: no random number");
    struct nj_media *media = calloc(1, sizeof(*media));
    if (media == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "media: no memory");
    media->folder = realpath(folder, NULL);
    if (media->folder == NULL) {
        rc = nj_error_errno(err, errno, "media: cannot use folder %s", folder);
        free(media);
        return rc;
    }
    media->min_free = min_free;
    atomic_init(&media->number, start);
    atomic_init(&media->written, 0);
    atomic_init(&media->refused, 0);
    atomic_init(&media->bytes, 0);
    *out = media;
    return 0;
}

void nj_media_destroy(struct nj_media *media)
{
    if (media == NULL)
        return;
    free(media->folder);
    free(media);
}

const char *nj_media_folder(const struct nj_media *media)
{
    return media->folder;
}

bool nj_media_stopped(struct nj_media *media)
{
    int64_t room = 0, total = 0;
    // A disk that does not tell is no reason to stop: writing will say what is wrong.
    if (nj_disk_room(media->folder, &room, &total, NULL) != 0 || total <= 0)
        return false;
    return (double)room < media->min_free * (double)total;
}

// Foreign text must not choose the folder.
static bool is_plain_id(const char *id)
{
    return id[0] != '\0' && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(id);
}

static int make_path(struct nj_media *media, const struct nj_media_picture *picture,
                     char *out_folder, char *out_path, size_t size)
{
    char iso[NJ_ISO_TIME_SIZE]; // 2026-01-24T10:30:00.123456Z
    nj_time_format_iso(picture->wall_us, iso);
    uint32_t number = atomic_fetch_add(&media->number, 1);
    int length = snprintf(out_folder, size, "%s/%s/%.10s", media->folder, picture->camera_id, iso);
    if (length < 0 || (size_t)length >= size)
        return NJ_E_TOO_BIG;
    length = snprintf(out_path, size, "%s/%s_%.2s%.2s%.2s_%.6s_%08" PRIx32 ".%s", out_folder,
                      picture->camera_id, iso + 11, iso + 14, iso + 17, iso + 20, number,
                      picture->png ? "png" : "jpg");
    return length < 0 || (size_t)length >= size ? NJ_E_TOO_BIG : 0;
}

static int write_file(const char *folder, const char *path, const struct nj_media_picture *picture,
                      struct nj_error *err)
{
    int rc = NJ_E_NOT_FOUND;
    // Usually the folder is there; retention may take an empty one away in between.
    for (int attempt = 0; attempt < 3 && rc == NJ_E_NOT_FOUND; attempt++) {
        if (attempt > 0) {
            rc = nj_dir_create(folder, err);
            if (rc != 0)
                return rc;
        }
        rc = nj_file_write_atomic(path, picture->bytes, picture->length, err);
    }
    return rc;
}

int nj_media_write(struct nj_media *media, const struct nj_media_picture *picture, char *out_path,
                   size_t size, struct nj_error *err)
{
    char folder[PATH_MAX], path[PATH_MAX];
    if (!is_plain_id(picture->camera_id))
        return nj_error_set(err, NJ_E_INVALID, "media: a camera id that names no folder");
    if (nj_media_stopped(media)) {
        atomic_fetch_add(&media->refused, 1);
        return nj_error_set(err, NJ_E_FULL,
                            "media: less than %.1f %% of the disk of %s is free; pictures stop "
                            "until there is room",
                            media->min_free * 100, media->folder);
    }
    int rc = make_path(media, picture, folder, path, sizeof(path));
    if (rc != 0 || strlen(path) >= size)
        return nj_error_set(err, NJ_E_TOO_BIG, "media: the path of a picture is too long");
    rc = write_file(folder, path, picture, err);
    if (rc != 0) {
        atomic_fetch_add(&media->refused, 1);
        return rc;
    }
    atomic_fetch_add(&media->written, 1);
    atomic_fetch_add(&media->bytes, picture->length);
    memcpy(out_path, path, strlen(path) + 1);
    return 0;
}

void nj_media_delete(struct nj_media *media, const char *path)
{
    if (nj_path_is_below(path, media->folder))
        (void)unlink(path); // one that stays is an orphan, which retention finds
}

void nj_media_get_stats(struct nj_media *media, struct nj_media_stats *out)
{
    out->written = atomic_load(&media->written);
    out->refused = atomic_load(&media->refused);
    out->bytes = atomic_load(&media->bytes);
}
