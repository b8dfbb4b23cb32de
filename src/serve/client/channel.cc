#include "serve/client/channel.h"

#include <openssl/ssl.h>

namespace stemma::serve {

namespace ssl = boost::asio::ssl;

std::unique_ptr<TlsContext> tls_context_for(const Endpoint& at) {
  if (!at.tls) return nullptr;
  auto context = std::make_unique<TlsContext>(TlsContext::tls_client);
  context->set_default_verify_paths();
  context->set_verify_mode(ssl::verify_peer);
  return context;
}

void Channel::prepare(const std::string& host) {
  if (!context_) return;
  tls_.emplace(tcp_, *context_);
  // A machine with several names shows the certificate of the one that is asked for.
  SSL_set_tlsext_host_name(tls_->native_handle(), host.c_str());
  tls_->set_verify_callback(ssl::rfc2818_verification(host));
}

}  // namespace stemma::serve
