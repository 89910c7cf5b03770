#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "kube/access.h"
#include "kube/credentials.h"
#include "kube/yaml_section.h"
#include "net/proxy.h"
#include "net/url.h"

namespace purser::kube {
namespace {

// NAME-data (base64) into `pem`, else NAME (a path) into `file`.
Status ReadMaterial(const YamlSection& section, const std::string& name, std::string& pem,
                    std::string& file) {
  auto data = section.Text((name + "-data").c_str());
  if (!data) return data.error();
  if (!data->empty()) {
    auto decoded = DecodeBase64(*data);
    if (!decoded) return decoded.error().WithContext(section.Field(name + "-data"));
    pem = std::move(decoded).value();
    return Ok();
  }
  auto path = section.Path(name.c_str());
  if (!path) return path.error();
  file = std::move(path).value();
  return Ok();
}

class Loader {
 public:
  Status Read(const std::string& path) {
    auto text = ReadAccessFile(path);
    if (!text) return text.error().WithContext("kubeconfig");
    YAML::Node root;
    try {
      root = YAML::Load(*text);
    } catch (const YAML::Exception& exception) {
      return WrongAt("kubeconfig '" + path + "'", exception.what());
    }
    if (!root.IsMap()) {
      return WrongAt("kubeconfig '" + path + "'",
                     "must be a map with clusters, users and contexts");
    }
    YamlSection section(root, "kubeconfig '" + path + "'",
                        std::filesystem::absolute(path).parent_path());
    PURSER_RETURN_IF_ERROR(section.CheckKeys());
    files_.push_back(std::move(section));
    return Ok();
  }

  Result<Access> Load(std::string context_name) {
    if (context_name.empty()) {
      for (const auto& file : files_) {
        auto current = file.Text("current-context");
        if (!current) return current.error();
        if (context_name.empty()) context_name = *current;
      }
    }
    if (context_name.empty())
      return WrongAt("kubeconfig", "has no current-context; name a context");
    auto context = Find("contexts", "context", context_name);
    if (!context) return context.error();
    auto cluster_name = context->Text("cluster");
    auto user_name = context->Text("user");
    auto ns = context->Text("namespace");
    if (!cluster_name) return cluster_name.error();
    if (!user_name) return user_name.error();
    if (!ns) return ns.error();

    Access access;
    access.default_namespace = ns->empty() ? "default" : *ns;
    auto cluster = Find("clusters", "cluster", *cluster_name);
    if (!cluster) return cluster.error();
    PURSER_RETURN_IF_ERROR(ReadCluster(*cluster, access));
    if (!user_name->empty()) {
      auto user = Find("users", "user", *user_name);
      if (!user) return user.error();
      PURSER_RETURN_IF_ERROR(ReadUser(*user, access));
    }
    return access;
  }

 private:
  // The first entry of that name in the files' order.
  Result<YamlSection> Find(const char* list, const char* kind, const std::string& name) const {
    for (const auto& file : files_) {
      auto items = file.List(list);
      if (!items) return items.error();
      for (const auto& item : *items) {
        if (!item.IsMap()) return WrongAt(file.Field(list), "an entry is not a map");
        const YamlSection entry(item, file.Field(list) + "[" + name + "]", file.folder());
        auto entry_name = entry.Text("name");
        if (!entry_name) return entry_name.error();
        if (*entry_name != name) continue;
        auto body = entry.Child(kind);
        if (!body) return body.error();
        if (!*body) return WrongAt(entry.Field(kind), "is missing");
        return **body;
      }
    }
    return Error(ErrorCode::kInvalidArgument,
                 "kubeconfig: no " + std::string(kind) + " named '" + name + "'");
  }

  static Status ReadCluster(const YamlSection& cluster, Access& access) {
    auto server = cluster.Text("server");
    auto name = cluster.Text("tls-server-name");
    auto insecure = cluster.Flag("insecure-skip-tls-verify");
    auto proxy = cluster.Text("proxy-url");
    if (!server) return server.error();
    if (!name) return name.error();
    if (!insecure) return insecure.error();
    if (!proxy) return proxy.error();
    if (server->empty()) return WrongAt(cluster.Field("server"), "is missing");
    auto url = net::ParseUrl(*server);
    if (!url) return url.error().WithContext(cluster.Field("server"));
    if (url->target.find('?') != std::string::npos)
      return WrongAt(cluster.Field("server"), "must not have a query");
    access.server = url->Origin() + url->target;
    while (access.server.ends_with('/')) access.server.pop_back();
    access.tls.server_name = *name;
    access.tls.insecure_skip_verify = *insecure;
    PURSER_RETURN_IF_ERROR(
        ReadMaterial(cluster, "certificate-authority", access.tls.ca_pem, access.tls.ca_file));
    if (*insecure && !(access.tls.ca_pem.empty() && access.tls.ca_file.empty())) {
      return WrongAt(cluster.Field("insecure-skip-tls-verify"),
                     "contradicts certificate-authority: remove one");
    }
    if (!proxy->empty()) {
      if (auto parsed = net::ParseProxy(*proxy); !parsed)
        return parsed.error().WithContext(cluster.Field("proxy-url"));
      access.proxy_url = *proxy;
    }
    return Ok();
  }

  static Status ReadUser(const YamlSection& user, Access& access) {
    for (const char* name : {"username", "password"}) {
      if (user.Has(name)) {
        return WrongAt(
            user.Field(name),
            "API servers no longer accept passwords: use a token or a client certificate");
      }
    }
    if (user.Has("auth-provider"))
      return WrongAt(user.Field("auth-provider"), "is no longer supported: use exec");
    for (const char* name : {"as", "as-uid", "as-groups", "as-user-extra"}) {
      if (user.Has(name)) return WrongAt(user.Field(name), "impersonation is not supported");
    }
    PURSER_RETURN_IF_ERROR(ReadMaterial(user, "client-certificate", access.tls.certificate_pem,
                                        access.tls.certificate_file));
    PURSER_RETURN_IF_ERROR(
        ReadMaterial(user, "client-key", access.tls.key_pem, access.tls.key_file));
    auto token = user.Text("token");
    auto token_file = user.Path("tokenFile");
    auto exec = user.Child("exec");
    if (!token) return token.error();
    if (!token_file) return token_file.error();
    if (!exec) return exec.error();
    // client-go's order: a file is fresher than what was written down once.
    if (!token_file->empty()) {
      access.bearer = TokenFromFile(*token_file);
    } else if (!token->empty()) {
      access.bearer = [token = *token](bool) -> Result<std::string> { return token; };
    } else if (*exec) {
      return ReadExec(**exec, access);
    }
    return Ok();
  }

  static Status ReadExec(const YamlSection& exec, Access& access) {
    ExecOptions options;
    auto version = exec.Text("apiVersion");
    auto command = exec.Text("command");
    auto hint = exec.Text("installHint");
    auto mode = exec.Text("interactiveMode");
    auto wants_cluster = exec.Flag("provideClusterInfo");
    if (!version) return version.error();
    if (!command) return command.error();
    if (!hint) return hint.error();
    if (!mode) return mode.error();
    if (!wants_cluster) return wants_cluster.error();
    if (*version != "client.authentication.k8s.io/v1" &&
        *version != "client.authentication.k8s.io/v1beta1") {
      return WrongAt(exec.Field("apiVersion"),
                     "must be client.authentication.k8s.io/v1 or /v1beta1");
    }
    if (command->empty()) return WrongAt(exec.Field("command"), "is missing");
    if (*mode == "Always")
      return WrongAt(exec.Field("interactiveMode"), "Always: there is no terminal here");
    options.api_version = *version;
    options.command = command->find('/') == std::string::npos ? *command : exec.Resolve(*command);
    options.install_hint = *hint;
    auto arguments = exec.List("args");
    if (!arguments) return arguments.error();
    for (const auto& argument : *arguments) {
      if (!argument.IsScalar()) return WrongAt(exec.Field("args"), "must be strings");
      options.arguments.push_back(argument.Scalar());
    }
    auto variables = exec.List("env");
    if (!variables) return variables.error();
    for (const auto& variable : *variables) {
      if (!variable.IsMap()) return WrongAt(exec.Field("env"), "must be name and value pairs");
      const YamlSection pair(variable, exec.Field("env"), exec.folder());
      auto name = pair.Text("name");
      auto value = pair.Text("value");
      if (!name) return name.error();
      if (!value) return value.error();
      if (name->empty() || name->find('=') != std::string::npos)
        return WrongAt(pair.Field("name"), "is not the name of a variable");
      options.environment.emplace_back(*name, *value);
    }
    if (*wants_cluster) {
      auto info = ClusterInfo(access);
      if (!info) return info.error().WithContext(exec.Field("provideClusterInfo"));
      options.cluster_info = std::move(info).value();
    }
    access.bearer = TokenFromProgram(std::move(options));
    return Ok();
  }

  static Result<std::string> ClusterInfo(const Access& access) {
    std::string authority = access.tls.ca_pem;
    if (authority.empty() && !access.tls.ca_file.empty()) {
      auto text = ReadAccessFile(access.tls.ca_file);
      if (!text) return text.error();
      authority = std::move(text).value();
    }
    nlohmann::ordered_json info{{"server", access.server}};
    if (!authority.empty()) info["certificate-authority-data"] = EncodeBase64(authority);
    if (!access.tls.server_name.empty()) info["tls-server-name"] = access.tls.server_name;
    if (access.tls.insecure_skip_verify) info["insecure-skip-tls-verify"] = true;
    if (!access.proxy_url.empty()) info["proxy-url"] = access.proxy_url;
    return info.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  std::vector<YamlSection> files_;
};

}  // namespace

Result<Access> LoadKubeconfig(const std::vector<std::string>& files, const std::string& context) {
  Loader loader;
  for (const auto& file : files) PURSER_RETURN_IF_ERROR(loader.Read(file));
  try {
    return loader.Load(context);
  } catch (const YAML::Exception& exception) {
    return WrongAt("kubeconfig", exception.what());
  }
}

}  // namespace purser::kube
