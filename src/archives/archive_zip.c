// SPDX-License-Identifier: Apache-2.0
// ZIPs of strangers: every entry is judged before the first byte is written, and what comes out is
// counted while it comes.
#include "archives/archive_priv.h"

#include "util/mem.h"
#include "util/strmap.h"
#include "util/text.h"

#include <zip.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    RATIO_FREE_BYTES = 1 << 20, // small texts pack well, and harm nobody
    READ_BYTES = 256 * 1024,
    SHOWN_MAX = 96,
    DEPTH_MAX = 8, // folders in folders
    ATTRIBUTES_MODE_SHIFT = 16
};

struct entry {
    zip_uint64_t index;
    char *name; // relative to pipeline.json
    int64_t bytes;
};

struct nj_zip {
    const struct nj_archive_options *options;
    zip_t *zip;
    struct entry *entries;
    size_t count;
    int64_t bytes;
};

// What is known of an entry before the place of pipeline.json is.
struct candidate {
    const char *name; // the library's
    int64_t bytes;
    bool folder, junk;
};

static void show(char out[SHOWN_MAX], const char *name)
{
    nj_text_printable(out, SHOWN_MAX, name);
}

static const char *wrong_bytes(const char *name)
{
    if (!nj_utf8_valid(name, strlen(name)))
        return "has a name that is not UTF-8";
    for (const char *at = name; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return "has control characters in its name";
        if (*at == '\\')
            return "has a backslash in its name";
    }
    return NULL;
}

static bool leads_out(const char *part, size_t length)
{
    return length == 0 || (length == 1 && part[0] == '.') ||
           (length == 2 && part[0] == '.' && part[1] == '.');
}

static const char *wrong_parts(const char *name)
{
    int depth = 0;
    for (const char *part = name; *part != '\0';) {
        const size_t length = strcspn(part, "/");
        if (leads_out(part, length))
            return "leads out of the archive, or has empty parts in its name";
        if (length > NJ_ARCHIVE_PART_MAX || ++depth > DEPTH_MAX)
            return "has too long a name or too many folders";
        part += length + (part[length] == '/');
    }
    return NULL;
}

const char *nj_zip_wrong_name(const char *name)
{
    if (name[0] == '\0')
        return "has no name";
    if (name[0] == '/' || (isalpha((unsigned char)name[0]) && name[1] == ':'))
        return "is an absolute path";
    if (strlen(name) > NJ_ARCHIVE_NAME_MAX)
        return "has too long a name";
    const char *wrong = wrong_bytes(name);
    return wrong != NULL ? wrong : wrong_parts(name);
}

// What the Finder leaves beside the files that were meant.
static bool is_junk(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *last = slash != NULL ? slash + 1 : name;
    return strncmp(name, "__MACOSX/", 9) == 0 || strncmp(last, "._", 2) == 0 ||
           strcmp(last, ".DS_Store") == 0;
}

static int check_kind(struct nj_zip *zip, zip_uint64_t index, const char *shown,
                      struct nj_error *err)
{
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    if (zip_file_get_external_attributes(zip->zip, index, 0, &system, &attributes) != 0)
        return nj_error_set(err, NJ_E_CORRUPT, "'%s' has no attributes", shown);
    const mode_t kind = (mode_t)(attributes >> ATTRIBUTES_MODE_SHIFT) & S_IFMT;
    if (kind == S_IFLNK)
        return nj_error_set(err, NJ_E_DENIED, "'%s' is a symbolic link, which is not allowed",
                            shown);
    if (kind != 0 && kind != S_IFREG && kind != S_IFDIR)
        return nj_error_set(err, NJ_E_DENIED, "'%s' is neither a file nor a folder", shown);
    return 0;
}

static int check_size(struct nj_zip *zip, const zip_stat_t *st, const char *shown,
                      struct nj_error *err)
{
    const struct nj_archive_options *options = zip->options;
    if (st->size > (zip_uint64_t)options->max_entry_bytes)
        return nj_error_set(err, NJ_E_TOO_BIG,
                            "'%s' unpacks to %llu bytes, archives.max_entry_bytes is %lld", shown,
                            (unsigned long long)st->size, (long long)options->max_entry_bytes);
    if (st->size > RATIO_FREE_BYTES &&
        (double)st->size > options->max_ratio * (double)st->comp_size)
        return nj_error_set(err, NJ_E_TOO_BIG,
                            "'%s' unpacks to %.0f times its size, archives.max_ratio is %g", shown,
                            (double)st->size / (st->comp_size > 0 ? (double)st->comp_size : 1),
                            options->max_ratio);
    zip->bytes += (int64_t)st->size;
    if (zip->bytes > options->max_unpacked_bytes)
        return nj_error_set(err, NJ_E_TOO_BIG,
                            "the entries unpack to more than archives.max_unpacked_bytes, %lld",
                            (long long)options->max_unpacked_bytes);
    return 0;
}

static int check_method(const zip_stat_t *st, const char *shown, struct nj_error *err)
{
    if (st->encryption_method != ZIP_EM_NONE)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "'%s' is encrypted, which is not read", shown);
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
        return nj_error_set(err, NJ_E_UNSUPPORTED,
                            "'%s' is packed by method %d; stored and deflated ones are read", shown,
                            st->comp_method);
    return 0;
}

static int check_entry(struct nj_zip *zip, zip_uint64_t index, struct candidate *out,
                       struct nj_error *err)
{
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    zip_stat_t st;
    char shown[SHOWN_MAX];
    zip_stat_init(&st);
    if (zip_stat_index(zip->zip, index, ZIP_FL_ENC_RAW, &st) != 0 || (st.valid & needed) != needed)
        return nj_error_set(err, NJ_E_CORRUPT, "entry %llu cannot be read: %s",
                            (unsigned long long)index, zip_strerror(zip->zip));
    show(shown, st.name);
    const char *wrong = nj_zip_wrong_name(st.name);
    if (wrong != NULL)
        return nj_error_set(err, NJ_E_DENIED, "'%s' %s", shown, wrong);
    int rc = check_kind(zip, index, shown, err);
    rc = rc != 0 ? rc : check_size(zip, &st, shown, err);
    rc = rc != 0 ? rc : check_method(&st, shown, err);
    const size_t length = strlen(st.name);
    *out = (struct candidate){.name = st.name,
                              .bytes = (int64_t)st.size,
                              .folder = st.name[length - 1] == '/',
                              .junk = is_junk(st.name)};
    if (rc == 0 && out->folder && st.size > 0)
        rc = nj_error_set(err, NJ_E_CORRUPT, "the folder '%s' has content", shown);
    return rc;
}

// The folder that holds pipeline.json, with its slash; "": it lies at the top.
static int find_top(const struct candidate *all, size_t count, char *out, struct nj_error *err)
{
    static const char wanted[] = "pipeline.json";
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(all[i].name, '/');
        if (all[i].junk)
            continue;
        if (strcmp(all[i].name, wanted) == 0) {
            out[0] = '\0';
            return 0;
        }
        if (slash == NULL || strcmp(slash + 1, wanted) != 0)
            continue;
        if (found != NULL)
            return nj_error_set(err, NJ_E_INVALID, "two folders hold a pipeline.json");
        found = all[i].name;
    }
    if (found == NULL)
        return nj_error_set(err, NJ_E_INVALID,
                            "there is no pipeline.json at the top or in the one folder there");
    snprintf(out, NJ_ARCHIVE_NAME_MAX + 1, "%.*s", (int)(strchr(found, '/') + 1 - found), found);
    return 0;
}

static void lower(char *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        out[i] = (char)tolower((unsigned char)text[i]);
    out[length] = '\0';
}

// Files and the folders on their way, in lower case: no name may stand for two things, also where
// a disk takes no notice of case.
static int check_twice(struct nj_strmap *seen, const char *name, struct nj_error *err)
{
    static char a_file, a_folder;
    char key[NJ_ARCHIVE_NAME_MAX + 1], shown[SHOWN_MAX];
    show(shown, name);
    for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        lower(key, name, (size_t)(slash - name));
        if (nj_strmap_get(seen, key) == &a_file)
            return nj_error_set(err, NJ_E_INVALID, "'%s' lies in what is also a file", shown);
        if (nj_strmap_set(seen, key, &a_folder) != 0)
            return nj_error_set(err, NJ_E_NOMEM, "no memory to read a ZIP");
    }
    lower(key, name, strlen(name));
    if (nj_strmap_get(seen, key) != NULL)
        return nj_error_set(err, NJ_E_INVALID, "'%s' stands twice, or differs only by case", shown);
    if (nj_strmap_set(seen, key, &a_file) != 0)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read a ZIP");
    return 0;
}

static int take_entry(struct nj_zip *zip, zip_uint64_t index, const struct candidate *candidate,
                      const char *top, struct nj_error *err)
{
    const size_t length = strlen(top);
    char shown[SHOWN_MAX];
    show(shown, candidate->name);
    if (strncmp(candidate->name, top, length) != 0)
        return nj_error_set(err, NJ_E_INVALID, "'%s' lies outside of the folder '%s'", shown, top);
    struct entry *entry = &zip->entries[zip->count];
    entry->name = nj_strdup(candidate->name + length);
    if (entry->name == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read a ZIP");
    entry->index = index;
    entry->bytes = candidate->bytes;
    zip->count++;
    return 0;
}

static int take_entries(struct nj_zip *zip, const struct candidate *all, size_t count,
                        struct nj_error *err)
{
    char top[NJ_ARCHIVE_NAME_MAX + 1] = "";
    int rc = find_top(all, count, top, err);
    if (rc != 0)
        return rc;
    struct nj_strmap *seen = nj_strmap_create(NULL);
    if (seen == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read a ZIP");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (all[i].folder || all[i].junk)
            continue;
        rc = check_twice(seen, all[i].name, err);
        rc = rc != 0 ? rc : take_entry(zip, i, &all[i], top, err);
    }
    nj_strmap_destroy(seen);
    return rc;
}

static int check_all(struct nj_zip *zip, struct nj_error *err)
{
    const zip_int64_t count = zip_get_num_entries(zip->zip, 0);
    if (count <= 0)
        return nj_error_set(err, NJ_E_INVALID, "the archive is empty");
    if (count > zip->options->max_entries)
        return nj_error_set(err, NJ_E_TOO_BIG, "%lld entries, archives.max_entries is %lld",
                            (long long)count, (long long)zip->options->max_entries);
    struct candidate *all = calloc((size_t)count, sizeof *all);
    zip->entries = calloc((size_t)count, sizeof *zip->entries);
    int rc = all != NULL && zip->entries != NULL
                 ? 0
                 : nj_error_set(err, NJ_E_NOMEM, "no memory to read a ZIP");
    for (zip_int64_t i = 0; rc == 0 && i < count; i++)
        rc = check_entry(zip, (zip_uint64_t)i, &all[i], err);
    if (rc == 0)
        rc = take_entries(zip, all, (size_t)count, err);
    free(all);
    return rc;
}

static int check_claim(const struct nj_archive_options *options, const struct nj_zip_bytes *bytes,
                       struct nj_error *err)
{
    struct nj_zip_claim claim;
    const int rc = nj_zip_claimed_entries(bytes, &claim, err);
    if (rc == 0 && claim.entries > (uint64_t)options->max_entries)
        return nj_error_set(err, NJ_E_TOO_BIG, "%llu entries, archives.max_entries is %lld",
                            (unsigned long long)claim.entries, (long long)options->max_entries);
    return rc == 0 ? nj_zip_check_nuls(bytes, &claim, err) : rc;
}

static int finish_open(const struct nj_archive_options *options, zip_t *opened, struct nj_zip **out,
                       struct nj_error *err)
{
    struct nj_zip *zip = calloc(1, sizeof *zip);
    if (zip == NULL) {
        zip_discard(opened);
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read a ZIP");
    }
    zip->options = options;
    zip->zip = opened;
    const int rc = check_all(zip, err);
    if (rc == 0)
        *out = zip;
    else
        nj_zip_close(zip);
    return rc;
}

static int fail_open(zip_error_t *why, struct nj_error *err)
{
    switch (zip_error_code_zip(why)) {
    case ZIP_ER_MEMORY:
        return nj_error_set(err, NJ_E_NOMEM, "no memory to read a ZIP");
    case ZIP_ER_EXISTS:
        return nj_error_set(err, NJ_E_INVALID, "a name stands twice in the ZIP");
    default:
        return nj_error_set(err, NJ_E_CORRUPT, "this is no ZIP that can be read: %s",
                            zip_error_strerror(why));
    }
}

int nj_zip_open_file(const struct nj_archive_options *options, int fd, struct nj_zip **out,
                     struct nj_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return nj_error_errno(err, errno, "the archive");
    int rc = check_claim(options, &(struct nj_zip_bytes){.fd = fd, .length = st.st_size}, err);
    if (rc != 0)
        return rc;
    const int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0 || lseek(own, 0, SEEK_SET) != 0) {
        rc = nj_error_errno(err, errno, "the archive");
        if (own >= 0)
            close(own);
        return rc;
    }
    int code = 0;
    zip_t *opened = zip_fdopen(own, ZIP_CHECKCONS, &code);
    if (opened == NULL) {
        zip_error_t why;
        zip_error_init_with_code(&why, code);
        rc = fail_open(&why, err);
        zip_error_fini(&why);
        close(own);
        return rc;
    }
    return finish_open(options, opened, out, err);
}

int nj_zip_open_memory(const struct nj_archive_options *options, const void *bytes, size_t length,
                       struct nj_zip **out, struct nj_error *err)
{
    zip_error_t why;
    int rc = check_claim(
        options, &(struct nj_zip_bytes){.fd = -1, .all = bytes, .length = (int64_t)length}, err);
    if (rc != 0)
        return rc;
    zip_error_init(&why);
    zip_source_t *source = zip_source_buffer_create(bytes, length, 0, &why);
    zip_t *opened =
        source != NULL ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why) : NULL;
    if (opened == NULL) {
        rc = fail_open(&why, err);
        zip_source_free(source);
    }
    zip_error_fini(&why);
    return opened != NULL ? finish_open(options, opened, out, err) : rc;
}

void nj_zip_close(struct nj_zip *zip)
{
    if (zip == NULL)
        return;
    for (size_t i = 0; i < zip->count; i++)
        free(zip->entries[i].name);
    free(zip->entries);
    zip_discard(zip->zip);
    free(zip);
}

size_t nj_zip_count(const struct nj_zip *zip)
{
    return zip->count;
}

const char *nj_zip_name(const struct nj_zip *zip, size_t index)
{
    return zip->entries[index].name;
}

int64_t nj_zip_bytes(const struct nj_zip *zip)
{
    return zip->bytes;
}

static int pump(zip_file_t *file, const struct entry *entry, const struct nj_zip_sink *sink,
                struct nj_error *err)
{
    int64_t total = 0;
    char *piece = malloc(READ_BYTES);
    int rc = piece != NULL ? 0 : nj_error_set(err, NJ_E_NOMEM, "no memory to unpack");
    while (rc == 0) {
        const zip_int64_t count = zip_fread(file, piece, READ_BYTES);
        if (count < 0)
            rc =
                nj_error_set(err, NJ_E_CORRUPT, "%s", zip_error_strerror(zip_file_get_error(file)));
        if (count <= 0)
            break;
        total += count;
        // The declared size was judged against every limit; nothing beyond it is taken.
        if (total > entry->bytes)
            rc = nj_error_set(err, NJ_E_CORRUPT, "unpacks to more than the %lld bytes it declares",
                              (long long)entry->bytes);
        else
            rc = sink->take(sink->context, piece, (size_t)count, err);
    }
    if (rc == 0 && total != entry->bytes)
        rc = nj_error_set(err, NJ_E_CORRUPT, "unpacks to %lld bytes and declares %lld",
                          (long long)total, (long long)entry->bytes);
    free(piece);
    return rc;
}

int nj_zip_read(struct nj_zip *zip, size_t index, const struct nj_zip_sink *sink,
                struct nj_error *err)
{
    const struct entry *entry = &zip->entries[index];
    char shown[SHOWN_MAX];
    show(shown, entry->name);
    zip_file_t *file = zip_fopen_index(zip->zip, entry->index, 0);
    if (file == NULL)
        return nj_error_set(err, NJ_E_CORRUPT, "'%s' cannot be unpacked: %s", shown,
                            zip_strerror(zip->zip));
    const int rc = pump(file, entry, sink, err);
    zip_fclose(file);
    if (rc != 0)
        nj_error_prefix(err, "'%s'", shown);
    return rc;
}
