// SPDX-License-Identifier: Apache-2.0
// Looking through folders: names that are not known yet are noted. Files are told by their names
// and stat alone; known ones cost no more.
#include "sources/beneath_priv.h"
#include "sources/folder_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NAMES_PER_STEP = 2048, // between two looks at events and finished operations
};

struct nj_folder_size {
    int64_t size, mtime_ns;
    nj_us since_us; // monotonic
};

int64_t nj_folder_mtime_ns(const struct stat *info)
{
    // Without a sign, because the product of a year beyond 2262 overflows.
    return (int64_t)((uint64_t)info->st_mtim.tv_sec * UINT64_C(1000000000) +
                     (uint64_t)info->st_mtim.tv_nsec);
}

static void want_scan(struct nj_folder_source *source, const char *path)
{
    struct nj_folder_dir *dir = nj_folder_tree_parent(source, path);
    if (dir)
        nj_folder_tree_dirty(source, dir);
}

void nj_folder_note(struct nj_folder_source *source, const char *path, bool unsure)
{
    size_t length = strlen(path);
    struct nj_folder_file *file = NULL;
    if (source->file_count < NJ_FOLDER_PENDING_MAX)
        file = malloc(sizeof *file + length + 1);
    if (!file) {
        want_scan(source, path);
        return;
    }
    memcpy(file->path, path, length + 1);
    file->noticed_us = nj_wall_us(source->clock);
    file->unsure = unsure;
    nj_list_append(&source->files, &file->node);
    source->file_count++;
    nj_folder_count(source, &source->stats.noticed);
}

void nj_folder_put_back(struct nj_folder_source *source, struct nj_folder_file *file, bool first)
{
    nj_list_append(first ? source->files.next : &source->files, &file->node);
    source->file_count++;
}

struct nj_folder_file *nj_folder_take(struct nj_folder_source *source)
{
    struct nj_folder_file *file = NJ_CONTAINER_OF(source->files.next, struct nj_folder_file, node);
    nj_list_remove(&file->node);
    source->file_count--;
    return file;
}

bool nj_folder_settled(struct nj_folder_source *source, const char *path, const struct stat *info)
{
    nj_us now_us = nj_mono_us(source->clock);
    struct nj_folder_size *known = nj_strmap_get(source->unsettled, path);
    bool same =
        known && known->size == info->st_size && known->mtime_ns == nj_folder_mtime_ns(info);
    if ((same && now_us - known->since_us >= source->options->settle_us) ||
        source->options->settle_us == 0) {
        nj_strmap_remove(source->unsettled, path);
        return true;
    }
    struct nj_folder_dir *dir = nj_folder_tree_parent(source, path);
    if (dir)
        dir->recheck = true;
    if (same)
        return false;
    if (!known && nj_strmap_count(source->unsettled) >= NJ_FOLDER_UNSETTLED_MAX)
        return false; // its turn comes when others are through
    struct nj_folder_size *size = malloc(sizeof *size);
    if (!size)
        return false;
    *size = (struct nj_folder_size){info->st_size, nj_folder_mtime_ns(info), now_us};
    if (nj_strmap_set(source->unsettled, path, size) != 0)
        free(size);
    return false;
}

void nj_folder_scan_stop(struct nj_folder_source *source)
{
    if (source->scan.stream)
        closedir(source->scan.stream);
    source->scan.stream = NULL;
}

static bool open_next(struct nj_folder_source *source)
{
    struct nj_folder_scan *scan = &source->scan;
    while (!scan->stream && !nj_list_empty(&source->tree.dirty)) {
        struct nj_folder_dir *dir =
            NJ_CONTAINER_OF(source->tree.dirty.next, struct nj_folder_dir, dirty_node);
        nj_list_remove(&dir->dirty_node);
        int fd = nj_beneath_open(source->tree.root_fd, dir->path, O_RDONLY | O_DIRECTORY);
        if (fd >= 0)
            scan->stream = fdopendir(fd);
        if (fd >= 0 && !scan->stream)
            close(fd);
        (void)snprintf(scan->path, sizeof scan->path, "%s", dir->path);
        scan->polled = dir->polled;
        if (fd < 0 && dir->path[0] != '\0' && (errno == ENOENT || errno == ENOTDIR))
            nj_folder_tree_forget(source, scan->path);
        else if (!scan->stream)
            dir->recheck = true; // no descriptors, no permission: at the next beat
    }
    return scan->stream != NULL;
}

static void see_file(struct nj_folder_source *source, const char *path, const struct stat *info)
{
    char absolute[NJ_STORE_PATH_SIZE];
    if (!nj_folder_absolute(source, path, absolute))
        return;
    struct nj_seen_key key =
        nj_seen_set_key(&source->seen, absolute, info->st_size, nj_folder_mtime_ns(info));
    if (!nj_seen_set_has(&source->seen, key))
        nj_folder_note(source, path, true);
}

static void see(struct nj_folder_source *source, const struct dirent *entry)
{
    char path[NJ_STORE_PATH_SIZE];
    struct stat info;
    const char *folder = source->scan.path;
    bool media = nj_media_kind_of_name(entry->d_name) != NJ_MEDIA_NONE;
    bool maybe_folder = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN;
    if (entry->d_name[0] == '.' || (!media && !maybe_folder))
        return;
    int length =
        snprintf(path, sizeof path, "%s%s%s", folder, *folder != '\0' ? "/" : "", entry->d_name);
    if (length >= (int)sizeof path)
        return;
    if (fstatat(dirfd(source->scan.stream), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    if (S_ISDIR(info.st_mode)) {
        if (!nj_strmap_get(source->tree.paths, path))
            (void)nj_folder_tree_add(source, path);
    } else if (media) {
        see_file(source, path, &info);
    }
}

bool nj_folder_scan_step(struct nj_folder_source *source)
{
    for (int i = 0; i < NAMES_PER_STEP; i++) {
        // Half of the room stays for events, so that the scan does not cause its own rescan.
        if (source->file_count >= NJ_FOLDER_PENDING_MAX / 2 || !open_next(source))
            return false;
        const struct dirent *entry = readdir(source->scan.stream);
        if (entry)
            see(source, entry);
        else
            nj_folder_scan_stop(source);
    }
    return true;
}
