//! A multi-tenant customer data platform: the collector, the private API and the installer
