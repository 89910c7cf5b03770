# purser_require_version(NAME FOUND AT_LEAST BELOW): what find_package() cannot say of packages that take any newer one.
function(purser_require_version name found at_least below)
  if(NOT found MATCHES "^[0-9]+(\\.[0-9]+)*")
    message(FATAL_ERROR "${name}: its package tells no version; install ${name} >= ${at_least} and < ${below}")
  endif()
  if(found VERSION_LESS at_least OR NOT found VERSION_LESS below)
    message(FATAL_ERROR "${name} ${found} is not what Purser is written for and tested with: "
      "install ${name} >= ${at_least} and < ${below} (Debian 12 has it: make deps)")
  endif()
endfunction()
