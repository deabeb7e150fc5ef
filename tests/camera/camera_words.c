// SPDX-License-Identifier: Apache-2.0
// Words of the test camera's line protocol.
#include "tests/camera/camera_words.h"

#include "util/mem.h"
#include "util/text.h"

#include <string.h>

size_t camera_words_split(char *line, char *words[CAMERA_WORDS_MAX])
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " \t\r\n", &rest); word && count < CAMERA_WORDS_MAX;
         word = strtok_r(NULL, " \t\r\n", &rest))
        words[count++] = word;
    return count;
}

// What follows "name=" in `word`, or NULL.
static const char *value_of(const char *word, const char *name)
{
    size_t length = strlen(name);
    return !strncmp(word, name, length) && word[length] == '=' ? word + length + 1 : NULL;
}

static int read_number(const char *text, int *out)
{
    int64_t value;
    if (nj_text_to_int(text, &value) || value < 0 || value > INT32_MAX)
        return NJ_E_INVALID;
    *out = (int)value;
    return 0;
}

// Index of `text` in `names`, which stand in the order of an enum.
static int read_name(const char *text, const char *const *names, size_t count, unsigned *out)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(names[i], text)) {
            *out = (unsigned)i;
            return 0;
        }
    return NJ_E_INVALID;
}

static int read_sdp(const char *text, struct nj_test_camera_faults *faults)
{
    static const char *const names[] = {"good",     "empty",         "garbage",       "html",
                                        "no-video", "unknown-codec", "wrong-payload", "huge",
                                        "no-sprop", "bad-sprop"};
    _Static_assert(NJ_COUNT_OF(names) == NJ_TEST_CAMERA_SDP_COUNT, "one name a kind");
    unsigned index;
    int code = read_name(text, names, NJ_COUNT_OF(names), &index);
    if (!code)
        faults->sdp = (enum nj_test_camera_sdp)index;
    return code;
}

static int read_snapshot(const char *text, struct nj_test_camera_faults *faults)
{
    static const char *const names[] = {"good",  "frozen",    "not-found", "error",  "not-picture",
                                        "empty", "truncated", "stalled",   "endless"};
    _Static_assert(NJ_COUNT_OF(names) == NJ_TEST_CAMERA_SNAPSHOT_COUNT, "one name a kind");
    unsigned index;
    int code = read_name(text, names, NJ_COUNT_OF(names), &index);
    if (!code)
        faults->snapshot = (enum nj_test_camera_snapshot)index;
    return code;
}

int camera_words_fault(const char *word, struct nj_test_camera_faults *faults)
{
    const struct {
        const char *name;
        int *number;
    } numbers[] = {{"delay", &faults->answer_delay_ms}, {"describe", &faults->describe_status},
                   {"setup", &faults->setup_status},    {"payload", &faults->payload_type},
                   {"lose", &faults->lose_every},       {"corrupt", &faults->corrupt_every}};
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"frozen", &faults->frozen},
                 {"mid-gop", &faults->join_mid_gop},
                 {"mark-slices", &faults->mark_slices},
                 {"jump-stamps", &faults->jump_stamps}};
    for (size_t i = 0; i < NJ_COUNT_OF(flags); i++)
        if (!strcmp(word, flags[i].name)) {
            *flags[i].flag = true;
            return 0;
        }
    if (!strcmp(word, "delay=never")) {
        faults->answer_delay_ms = NJ_TEST_CAMERA_NEVER;
        return 0;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(numbers); i++)
        if (value_of(word, numbers[i].name))
            return read_number(value_of(word, numbers[i].name), numbers[i].number);
    if (value_of(word, "sdp"))
        return read_sdp(value_of(word, "sdp"), faults);
    if (value_of(word, "snapshot"))
        return read_snapshot(value_of(word, "snapshot"), faults);
    return NJ_E_INVALID;
}

static int read_kinds(const char *word, struct nj_test_camera_mount *mount)
{
    static const char *const audio[] = {"silent", "pcmu", "aac"};
    static const char *const auth[] = {"open", "basic", "digest", "digest-qop", "digest-sha256"};
    unsigned index;
    int code = NJ_E_INVALID;
    if (value_of(word, "audio")) {
        code = read_name(value_of(word, "audio"), audio, NJ_COUNT_OF(audio), &index);
        if (!code)
            mount->audio = (enum nj_test_camera_audio)index;
    } else if (value_of(word, "auth")) {
        code = read_name(value_of(word, "auth"), auth, NJ_COUNT_OF(auth), &index);
        if (!code)
            mount->auth = (enum nj_test_camera_auth)index;
    }
    return code;
}

int camera_words_mount(char *word, struct nj_test_camera_mount *mount)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"user", &mount->user}, {"password", &mount->password}, {"redirect", &mount->redirect_to}};
    if (!strcmp(word, "unpaced")) {
        mount->unpaced = true;
        return 0;
    }
    if (!strcmp(word, "snapshots")) {
        mount->snapshots = true;
        return 0;
    }
    if (value_of(word, "speed"))
        return nj_text_to_double(value_of(word, "speed"), &mount->speed);
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++)
        if (value_of(word, texts[i].name)) {
            *texts[i].text = value_of(word, texts[i].name);
            return 0;
        }
    return read_kinds(word, mount) ? camera_words_fault(word, &mount->faults) : 0;
}
