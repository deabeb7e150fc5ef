// SPDX-License-Identifier: Apache-2.0
// The test camera's certificate, signed by itself when the camera is made.
#include "tests/fake/rtsp_camera_priv.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { CERTIFICATE_LIFE_S = 24 * 3600, CURVE = NID_X9_62_prime256v1 };

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    if (context && EVP_PKEY_keygen_init(context) > 0 &&
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, CURVE) > 0)
        (void)EVP_PKEY_keygen(context, &key);
    EVP_PKEY_CTX_free(context);
    return key;
}

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool fine = extension && X509_add_ext(certificate, extension, -1) > 0;
    X509_EXTENSION_free(extension);
    return fine;
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    if (!certificate)
        return NULL;
    X509_NAME *name = X509_get_subject_name(certificate);
    static const unsigned char common_name[] = "test camera";
    bool fine =
        X509_set_version(certificate, 2) > 0 &&
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) > 0 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), -CERTIFICATE_LIFE_S) &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), CERTIFICATE_LIFE_S) &&
        X509_set_pubkey(certificate, key) > 0 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) > 0 &&
        X509_set_issuer_name(certificate, name) > 0 &&
        add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
        add_extension(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
        X509_sign(certificate, key, EVP_sha256()) > 0;
    if (fine)
        return certificate;
    X509_free(certificate);
    return NULL;
}

int camera_tls_init(struct nj_test_camera *camera, struct nj_error *err)
{
    EVP_PKEY *key = make_key();
    camera->certificate = key ? make_certificate(key) : NULL;
    camera->tls = camera->certificate ? SSL_CTX_new(TLS_server_method()) : NULL;
    bool fine = camera->tls && SSL_CTX_use_certificate(camera->tls, camera->certificate) > 0 &&
                SSL_CTX_use_PrivateKey(camera->tls, key) > 0;
    EVP_PKEY_free(key);
    if (!fine)
        return nj_error_set(err, NJ_E_INTERNAL, "no certificate could be made");
    SSL_CTX_set_mode(camera->tls,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return 0;
}

int nj_test_camera_save_certificate(const struct nj_test_camera *camera, const char *path,
                                    struct nj_error *err)
{
    if (!camera->certificate)
        return nj_error_set(err, NJ_E_UNSUPPORTED, "the test camera has no TLS");
    FILE *file = fopen(path, "we");
    bool fine = file && PEM_write_X509(file, camera->certificate) > 0;
    if (file && fclose(file))
        fine = false;
    return fine ? 0 : nj_error_set(err, NJ_E_IO, "%s cannot be written", path);
}
