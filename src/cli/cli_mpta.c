// SPDX-License-Identifier: Apache-2.0
// nightjar mpta: model archives: pack, check, convert, run.
#include "cli/cli_mpta.h"

#include "util/mem.h"
#include "util/text.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 256, OPEN_FOLDERS = 16 };

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    (void)st, (void)kind, (void)place;
    remove(path);
    return 0;
}

int nj_cli_folder_make(struct nj_cli_folder *out, struct nj_error *err)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || parent[0] == '\0')
        parent = "/tmp";
    snprintf(out->path, sizeof out->path, "%s/nightjar-mpta-XXXXXX", parent);
    if (mkdtemp(out->path) != NULL)
        return 0;
    const int failure = errno;
    out->path[0] = '\0';
    return nj_error_errno(err, failure, "%s: no folder can be made", parent);
}

void nj_cli_folder_remove(struct nj_cli_folder *folder)
{
    if (folder->path[0] != '\0')
        nftw(folder->path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
    folder->path[0] = '\0';
}

int nj_cli_mpta_pack(const struct nj_cli_mpta *mpta, int argc, char **argv, struct nj_error *err)
{
    char name[NAME_MAX_BYTES];
    if (argc != 2) {
        nj_error_set(err, NJ_E_INVALID, "name one folder; see nightjar mpta --help");
        return NJ_EXIT_USAGE;
    }
    size_t length = strlen(argv[1]);
    while (length > 1 && argv[1][length - 1] == '/')
        length--;
    const char *slash = memrchr(argv[1], '/', length);
    const char *base = slash != NULL ? slash + 1 : argv[1];
    snprintf(name, sizeof name, "%.*s.mpta", (int)(argv[1] + length - base), base);
    const char *out = mpta->out != NULL ? mpta->out : name;
    if (nj_archive_pack(&mpta->archives, argv[1], out, err) != 0)
        return NJ_EXIT_FAILED;
    printf("%s\n", out);
    return NJ_EXIT_OK;
}

int nj_cli_mpta_convert(const struct nj_cli_mpta *mpta, int argc, char **argv, struct nj_error *err)
{
    if (argc != 2 || mpta->models == NULL || mpta->out == NULL) {
        nj_error_set(err, NJ_E_INVALID,
                     "name one archive, --models FOLDER and -o FILE; see nightjar mpta --help");
        return NJ_EXIT_USAGE;
    }
    if (nj_archive_convert(&mpta->archives, argv[1], mpta->models, mpta->out, err) != 0)
        return NJ_EXIT_FAILED;
    printf("%s\n", mpta->out);
    return NJ_EXIT_OK;
}

static const struct word {
    const char *name;
    const char *usage; // behind "nightjar mpta NAME "
    const char *help;
    int (*run)(const struct nj_cli_mpta *mpta, int argc, char **argv, struct nj_error *err);
} words[] = {
    {"pack", "FOLDER [-o FILE]",
     "a folder with pipeline.json, models (.onnx) and manifests (.json) into an archive",
     nj_cli_mpta_pack},
    {"check", "FILE", "print the tree of an archive, its models and what is to be said of it",
     nj_cli_mpta_check},
    {"convert", "FILE --models FOLDER -o FILE",
     "exchange the .pt of an archive for exported .onnx with their manifests", nj_cli_mpta_convert},
    {"run", "FILE PICTURE|VIDEO... [--json] [--actions] [--keep FOLDER]",
     "run an archive on pictures and videos. Its actions go to an embedded store that is\n"
     "           removed at the end, and nothing leaves this machine; --keep FOLDER keeps that "
     "store,\n"
     "           --actions carries them out as configured, with the archive's own servers",
     nj_cli_mpta_run},
};

// `asked`: the one word that help is wanted for; NULL: all of them.
static void print_help(const struct word *asked, FILE *out)
{
    const struct word *first = asked != NULL ? asked : words;
    const size_t count = asked != NULL ? 1 : NJ_COUNT_OF(words);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s nightjar mpta %s %s\n", i == 0 ? "usage:" : "      ", first[i].name,
                first[i].usage);
    fputc('\n', out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-8s %s\n", first[i].name, first[i].help);
    fprintf(out,
            "\n%s --config FILE and --set GROUP.NAME=VALUE, for the limits of group archives.\n",
            count == 1 ? "It takes" : "All take");
}

static int unknown_word(const char *name)
{
    const char *names[NJ_COUNT_OF(words) + 1] = {NULL};
    for (size_t i = 0; i < NJ_COUNT_OF(words); i++)
        names[i] = words[i].name;
    return nj_cli_unknown("mpta", name, names);
}

static const struct word *find_word(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < NJ_COUNT_OF(words); i++) {
        if (strcmp(words[i].name, argv[1]) == 0)
            return &words[i];
    }
    return NULL;
}

static int run_word(const struct word *word, struct nj_cli_mpta *mpta, int argc, char **argv)
{
    struct nj_cli_folder folder = {.path = ""};
    char name[NAME_MAX_BYTES], cache[NJ_CLI_FOLDER_MAX + 8];
    struct nj_error err = {0};
    int code = NJ_EXIT_FAILED;
    signal(SIGPIPE, SIG_IGN); // a reader that goes away does not keep the folder from being removed
    // The cache of the daemon is not this command's.
    if (nj_cli_folder_make(&folder, &err) == 0) {
        mpta->archives = *(const struct nj_archive_options *)nj_config_get(
            mpta->config, &nj_archive_option_group);
        snprintf(cache, sizeof cache, "%s/cache", folder.path);
        mpta->archives.cache_folder = cache;
        code = word->run(mpta, argc, argv, &err);
    }
    nj_cli_folder_remove(&folder);
    if (code != NJ_EXIT_OK && err.code != 0) {
        snprintf(name, sizeof name, "mpta %s", word->name);
        nj_cli_fail(name, code, err.text);
    }
    return code;
}

int nj_cli_mpta(int argc, char **argv)
{
    const bool asked = nj_cli_help(&argc, argv);
    struct nj_cli_mpta mpta = {.json = nj_cli_flag(&argc, argv, "--json"),
                               .actions = nj_cli_flag(&argc, argv, "--actions"),
                               .out = nj_cli_value(&argc, argv, "-o"),
                               .models = nj_cli_value(&argc, argv, "--models"),
                               .keep = nj_cli_value(&argc, argv, "--keep")};
    struct nj_cli_config cli;
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    const struct word *word = find_word(argc, argv);
    if (word == NULL && argc > 1 && argv[1][0] != '-')
        return unknown_word(argv[1]);
    if (word == NULL || asked) {
        print_help(word, asked ? stdout : stderr);
        return asked ? NJ_EXIT_OK : NJ_EXIT_USAGE;
    }
    int rc = nj_cli_config_parse(&argc, argv, &cli, &err);
    if (rc == 0)
        rc = nj_cli_check_rest("mpta", argc - 1, argv + 1, true, &err);
    if (rc == 0)
        rc = nj_cli_config_load(&cli, &config, &err);
    mpta.config = config;
    const int code = rc == 0 ? run_word(word, &mpta, argc - 1, argv + 1)
                             : nj_cli_fail("mpta", NJ_EXIT_USAGE, err.text);
    nj_config_unref(config);
    nj_cli_config_finish(&cli);
    return code;
}
