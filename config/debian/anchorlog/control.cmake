set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "anchorlog-ids, prometheus")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "tamper-evident log of intrusion alerts")
set(CPACK_PACKAGE_DESCRIPTION
"Anchorlog takes a gateway's intrusion alerts over mutual TLS 1.3, makes them
durable before it says so, seals them in Merkle batches, signs the roots and
anchors them on a blockchain. logverify then checks any entry, or the whole
log, with nothing but files, keys and a trusted block hash.")
