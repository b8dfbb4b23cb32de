// The clients over TLS, against a server with a certificate of its own.

#include "serve/client/channel.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "serve/client/event_client.h"
#include "serve/load/load.h"
#include "tests/base/expect_error.h"
#include "tests/base/temporary_folder.h"

namespace stemma::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// A key, and a certificate of "localhost" that it signed itself.
struct Identity {
  std::shared_ptr<EVP_PKEY> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  std::shared_ptr<X509> certificate{X509_new(), X509_free};

  Identity() {
    X509* const x = certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key.get());
    X509_NAME* const name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(x, name);
    const std::shared_ptr<X509_EXTENSION> names(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost"),
        X509_EXTENSION_free);
    X509_add_ext(x, names.get(), -1);
    X509_sign(x, key.get(), EVP_sha256());
  }
  void write(const std::filesystem::path& file) const {
    const std::shared_ptr<FILE> out(std::fopen(file.c_str(), "w"), std::fclose);
    ASSERT_TRUE(out && PEM_write_X509(out.get(), certificate.get()));
  }
};

// Answers each connection once, with the same JSON.
class TlsServer {
 public:
  TlsServer(const Identity& identity, std::string body) : body_(std::move(body)) {
    SSL_CTX_use_certificate(context_.native_handle(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context_.native_handle(), identity.key.get());
    thread_ = std::thread([this] {
      for (;;) {
        tcp::socket socket = acceptor_.accept();
        if (stop_) return;
        answer(std::move(socket));
      }
    });
  }
  ~TlsServer() {
    stop_ = true;
    tcp::socket last(loop_);
    last.connect(acceptor_.local_endpoint());
    thread_.join();
  }
  Endpoint at(const std::string& host) const {
    return Endpoint::of_url("https://" + host + ":" +
                            std::to_string(acceptor_.local_endpoint().port()) + "/v1");
  }

 private:
  void answer(tcp::socket socket) {
    boost::system::error_code error;
    asio::ssl::stream<tcp::socket> stream(std::move(socket), context_);
    stream.handshake(asio::ssl::stream_base::server, error);
    std::string request(65536, ' ');
    if (error || stream.read_some(asio::buffer(request), error) == 0) return;
    asio::write(stream,
                asio::buffer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                             std::to_string(body_.size()) + "\r\n\r\n" + body_),
                error);
  }

  std::string body_;
  asio::io_context loop_;
  asio::ssl::context context_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class Tls : public testing::Test {
 protected:
  // Where OpenSSL looks for the certificates that this machine trusts.
  void trust() {
    identity_.write(folder_ / "trusted.pem");
    ::setenv("SSL_CERT_FILE", (folder_ / "trusted.pem").c_str(), 1);
  }
  void TearDown() override { ::unsetenv("SSL_CERT_FILE"); }

  TemporaryFolder folder_;
  const Identity identity_;
};

TEST_F(Tls, AsksAServerThatIsTrusted) {
  trust();
  const TlsServer server(identity_, R"({"data": []})");
  EXPECT_TRUE(EventClient(server.at("localhost"), "").get("/models").at("data").is_array());
}

TEST_F(Tls, RefusesAnUnknownCertificateAndAnotherName) {
  const TlsServer server(identity_, R"({"data": []})");
  EXPECT_ERROR(EventClient(server.at("localhost"), "").get("/models"), ErrorCode::communication,
               "certificate verify failed");
  trust();
  EXPECT_ERROR(EventClient(server.at("127.0.0.1"), "").get("/models"), ErrorCode::communication,
               "certificate verify failed");
}

TEST_F(Tls, LoadMeasuresOverIt) {
  trust();
  const TlsServer server(identity_,
                         R"({"data": [{"embedding": [1]}], "usage": {"prompt_tokens": 3}})");
  LoadPlan plan;
  plan.at = server.at("localhost");
  plan.targets = {{LoadRoute::embeddings, "m"}};
  plan.streams = 2;
  plan.requests = 6;
  const LoadResult result = run_load(plan);
  EXPECT_EQ(result.failed, 0) << (result.errors.empty() ? "" : result.errors.begin()->first);
  EXPECT_EQ(result.prompt_tokens, 18);
}

TEST(Endpoint, KnowsBothSchemes) {
  EXPECT_EQ(Endpoint::of_url("https://api.example.org").url(), "https://api.example.org:443/v1");
  EXPECT_EQ(Endpoint::of_url("http://h:81/x/").url(), "http://h:81/x");
  EXPECT_ERROR(Endpoint::of_url("ftp://h"), ErrorCode::invalid_argument, "https://HOST/v1");
  EXPECT_ERROR(Endpoint::of_url("https://"), ErrorCode::invalid_argument, "--url");
}

}  // namespace
}  // namespace stemma::serve
