// SPDX-License-Identifier: Apache-2.0
// Finding libonnxruntime.so and asking it for the API this program was compiled for.
#include "detect/onnx_library_priv.h"

#include "detect/places_priv.h"
#include "util/mem.h"

#include <dlfcn.h>
#include <string.h>

// Seen from the program: a build tree (program, then test program), an installation.
static const char *const places[] = {"../deps/onnxruntime/lib/libonnxruntime.so",
                                     "../../deps/onnxruntime/lib/libonnxruntime.so",
                                     "../lib/nightjar/libonnxruntime.so"};
static const char *const sonames[] = {"libonnxruntime.so", "libonnxruntime.so.1",
                                      "libonnxruntime.so.1.21"};

static void *load(const char *path)
{
    // NODELETE: the library keeps thread-local destructors, so it must stay mapped until exit.
    return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

static void *load_from_usual_places(void)
{
    for (size_t i = 0; i < NJ_COUNT_OF(places); i++) {
        char path[NJ_MODEL_PATH_SIZE];
        void *handle = NULL;
        if (nj_place_beside_program(places[i], path, sizeof path) == 0)
            handle = load(path);
        if (handle != NULL)
            return handle;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(sonames); i++) {
        void *handle = load(sonames[i]);
        if (handle != NULL)
            return handle;
    }
    return NULL;
}

static int find_api(struct nj_onnx_library *library, struct nj_error *err)
{
    const OrtApiBase *(*get_base)(void) = NULL;
    void *symbol = dlsym(library->handle, "OrtGetApiBase");
    // ISO C has no cast from an object to a function pointer.
    _Static_assert(sizeof get_base == sizeof symbol, "POSIX");
    memcpy(&get_base, &symbol, sizeof get_base);
    const OrtApiBase *base = get_base != NULL ? get_base() : NULL;
    if (base == NULL)
        return nj_error_set(err, NJ_E_UNAVAILABLE, "the library found is not ONNX Runtime");
    library->version = base->GetVersionString();
    library->api = base->GetApi(ORT_API_VERSION);
    if (library->api == NULL)
        return nj_error_set(err, NJ_E_UNAVAILABLE,
                            "ONNX Runtime %s is too old: this program needs 1.%d or newer",
                            library->version, ORT_API_VERSION);
    return 0;
}

int nj_onnx_library_open(const char *configured, struct nj_onnx_library *out, struct nj_error *err)
{
    struct nj_onnx_library library = {0};
    const bool is_given = configured != NULL && configured[0] != '\0';
    library.handle = is_given ? load(configured) : load_from_usual_places();
    if (library.handle == NULL) {
        const char *reason = dlerror();
        return nj_error_set(err, NJ_E_UNAVAILABLE,
                            "ONNX Runtime could not be loaded%s%s: %s; run tools/fetch-onnxruntime "
                            "or set detect.engine_library",
                            is_given ? " from " : "", is_given ? configured : "",
                            reason != NULL ? reason : "unknown reason");
    }
    int rc = find_api(&library, err);
    if (rc != 0)
        nj_onnx_library_close(&library);
    else
        *out = library;
    return rc;
}

void nj_onnx_library_close(struct nj_onnx_library *library)
{
    if (library->handle != NULL)
        dlclose(library->handle);
    library->handle = NULL;
    library->api = NULL;
}

int nj_onnx_result(const struct nj_onnx_library *library, OrtStatus *status, const char *what,
                   struct nj_error *err)
{
    if (status == NULL)
        return 0;
    // Whatever it calls it, a network that does not load or run is a damaged one.
    int rc =
        library->api->GetErrorCode(status) == ORT_NOT_IMPLEMENTED ? NJ_E_UNSUPPORTED : NJ_E_CORRUPT;
    rc = nj_error_set(err, rc, "%s: %s", what, library->api->GetErrorMessage(status));
    library->api->ReleaseStatus(status);
    return rc;
}
